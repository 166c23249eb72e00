// Value: one parameter of a statement. Text and bytes are views: what they point to must live until the call returns.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace db {

using Bytes = std::span<const std::byte>;

class Value {
 public:
  // NULL.
  Value() = default;
  Value(std::nullopt_t) {}
  template <std::signed_integral T>
  Value(T value) : value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  Value(T value) : value_(static_cast<std::uint64_t>(value)) {}
  template <std::floating_point T>
  Value(T value) : value_(static_cast<double>(value)) {}
  // UTF-8, compared and converted by the rules of the connection's character set.
  Value(std::string_view text) : value_(text) {}
  Value(const std::string& text) : value_(std::string_view(text)) {}
  Value(const char* text) : value_(std::string_view(text)) {}
  // Binary.
  Value(Bytes bytes) : value_(bytes) {}
  // NULL when empty.
  template <typename T>
  Value(const std::optional<T>& value) {
    if (value) *this = Value(*value);
  }

  [[nodiscard]] bool is_null() const { return value_.index() == 0; }

  using Variant = std::variant<std::monostate, std::int64_t, std::uint64_t, double, std::string_view, Bytes>;
  [[nodiscard]] const Variant& variant() const { return value_; }

 private:
  Variant value_;
};

}  // namespace db
