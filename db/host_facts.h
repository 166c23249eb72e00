// HostFacts: what a server says of itself, by name.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace db {

// Names and values as the server writes them.
using HostFacts = std::map<std::string, std::string, std::less<>>;

// The value of a name; empty when there is none.
[[nodiscard]] inline std::string_view fact(const HostFacts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string_view() : found->second;
}

}  // namespace db
