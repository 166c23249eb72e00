#include "ingest/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "ingest/bytes.h"
#include "ingest/keyed_hash.h"

namespace ingest {
namespace {

// Tells its reader's position to others: the parser keeps copies of the iterator, and says nothing of offsets.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  explicit Cursor(const char*& position) : position_(&position) {}
  reference operator*() const { return **position_; }
  Cursor& operator++() {
    ++*position_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return *a.position_ == *b.position_; }

 private:
  const char** position_;
};

// What nlohmann::json::sax_parse() calls.
class Walk {
 public:
  Walk(JsonVisitor& visitor, const char* begin, const char*& position)
      : visitor_(visitor), begin_(begin), position_(position) {}

  [[nodiscard]] JsonFault fault() const { return fault_; }

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(std::int64_t value) { return scalar(value); }
  bool number_unsigned(std::uint64_t value) { return scalar(value); }
  bool number_float(double value, const std::string& /*as_written*/) { return scalar(value); }
  bool string(const std::string& value) { return scalar(std::string_view(value)); }
  bool binary(const nlohmann::json::binary_t& /*value*/) { return fail(JsonFault::kSyntax); }

  bool key(std::string& name) {
    key_.swap(name);
    // By their hashes, which nobody outside can make equal.
    keys_.push_back(keyed_hash(as_bytes(key_)));
    return true;
  }

  bool start_object(std::size_t /*size*/) {
    if (depth_ == kMaxJsonDepth) return fail(JsonFault::kDepth);
    const bool goes_on = visitor_.open_object(place());
    return opened(goes_on);
  }
  bool start_array(std::size_t /*size*/) {
    if (depth_ == kMaxJsonDepth) return fail(JsonFault::kDepth);
    const bool goes_on = visitor_.open_array(place());
    return opened(goes_on);
  }
  bool end_object() {
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(keys_before_[depth_ - 1]);
    std::sort(first, keys_.end());
    if (std::adjacent_find(first, keys_.end()) != keys_.end()) return fail(JsonFault::kDuplicateKey);
    keys_.erase(first, keys_.end());
    return closed();
  }
  bool end_array() { return closed(); }

  template <typename Error>
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const Error& /*error*/) {
    return fail(JsonFault::kSyntax);
  }

 private:
  [[nodiscard]] JsonPlace place() const {
    return {.depth = depth_, .key = key_, .after = static_cast<std::size_t>(position_ - begin_)};
  }
  bool fail(JsonFault fault) {
    if (fault_ == JsonFault::kNone) fault_ = fault;
    return false;
  }
  bool scalar(const JsonScalar& value) {
    const bool goes_on = visitor_.scalar(place(), value);
    key_.clear();
    return goes_on || fail(JsonFault::kRefused);
  }
  bool opened(bool goes_on) {
    key_.clear();
    keys_before_[depth_++] = keys_.size();
    return goes_on || fail(JsonFault::kRefused);
  }
  bool closed() {
    --depth_;
    return visitor_.close(place()) || fail(JsonFault::kRefused);
  }

  JsonVisitor& visitor_;
  const char* begin_;
  const char*& position_;
  JsonFault fault_ = JsonFault::kNone;
  std::size_t depth_ = 0;
  std::string key_;
  std::vector<std::uint64_t> keys_;                       // of all open objects, the innermost last
  std::array<std::size_t, kMaxJsonDepth> keys_before_{};  // of each open object or array: where its keys begin
};

}  // namespace

JsonFault walk_json(std::string_view text, JsonVisitor& visitor) {
  // The parser takes a byte 0 for the end of the text, and skips a byte order mark.
  if (text.find('\0') != std::string_view::npos || text.starts_with('\xEF')) return JsonFault::kSyntax;
  const char* position = text.data();
  const char* end = text.data() + text.size();
  Walk walk(visitor, text.data(), position);
  const bool complete = nlohmann::json::sax_parse(Cursor(position), Cursor(end), &walk);
  if (complete) return JsonFault::kNone;
  return walk.fault() == JsonFault::kNone ? JsonFault::kSyntax : walk.fault();
}

}  // namespace ingest
