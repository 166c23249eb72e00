// Appends one JSON value to a string, without building a tree: made for the path of a frame.
//
// The caller keeps the order of calls right (a key before each member's value, an end for each begin) and hands in text
// that is valid UTF-8. Numbers are written so that they read back as the same value; what JSON has no number for (NaN,
// infinities) becomes null. Independent of the locale.

#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/bytes.h"

namespace ingest {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object();
  void end_object();
  void begin_array();
  void end_array();

  void key(std::string_view name);
  void key(std::uint64_t number);  // in decimal, as JSON's keys are text

  void null();
  void boolean(bool value);
  void text(std::string_view value);
  void hex(Bytes value);  // as text, two lower-case digits per byte
  void number(float value);
  void number(double value);

  template <std::integral T>
  void number(T value) {
    if constexpr (std::signed_integral<T>) {
      signed_number(value);
    } else {
      unsigned_number(value);
    }
  }

  // `units` / 10^places, exactly, with all its places: decimal(-5, 7) is -0.0000005. At most 18 places.
  void decimal(std::int64_t units, std::size_t places);

  template <typename T>
  void member(std::string_view name, T value) {
    key(name);
    number(value);
  }

 private:
  void separate();
  void signed_number(std::int64_t value);
  void unsigned_number(std::uint64_t value);
  void quote(std::string_view value);

  std::string& out_;
  bool separator_due_ = false;
};

}  // namespace ingest
