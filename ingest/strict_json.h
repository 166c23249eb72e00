// A walk over JSON that comes from outside, without building a tree: one visit per value, with bounds on the way.
//
// Stricter than JSON itself: at most kMaxJsonDepth objects and arrays within each other, no key twice in one object
// (however it is escaped), no byte 0, nothing behind the value; numbers are read without the locale and have to fit a
// double. Time grows as n log n with the size of the text, memory with the number of keys in open objects and with the
// longest string. Never throws on bad input; throws std::bad_alloc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace ingest {

inline constexpr std::size_t kMaxJsonDepth = 8;

enum class JsonFault : std::uint8_t { kNone, kSyntax, kDepth, kDuplicateKey, kRefused };

// Integers come as the first type that holds them.
using JsonScalar = std::variant<std::nullptr_t, bool, std::uint64_t, std::int64_t, double, std::string_view>;

// Where a visit takes place. Views are valid during the visit only.
struct JsonPlace {
  std::size_t depth = 0;  // how many objects and arrays are around it
  std::string_view key;   // its name, when it is a member of an object
  std::size_t after = 0;  // offset in the text of what follows: a text's closing quote and a bracket are before it
};

// Each visit returns whether the walk goes on; false ends it with kRefused. As the offset of a number is not known in
// time, `after` of anything but texts and brackets is not exact.
class JsonVisitor {
 public:
  virtual bool scalar(const JsonPlace& place, const JsonScalar& value) = 0;
  virtual bool open_object(const JsonPlace& place) = 0;
  virtual bool open_array(const JsonPlace& place) = 0;
  // Without a key.
  virtual bool close(const JsonPlace& place) = 0;

 protected:
  ~JsonVisitor() = default;
};

// kNone when `text` is one value and every visit returned true.
[[nodiscard]] JsonFault walk_json(std::string_view text, JsonVisitor& visitor);

}  // namespace ingest
