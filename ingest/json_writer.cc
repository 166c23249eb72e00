#include "ingest/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace ingest {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

template <typename T>
void append_number(std::string& out, T value) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end);
}

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto code = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHexDigits[code >> 4];
  out += kHexDigits[code & 0x0F];
}

}  // namespace

void JsonWriter::begin_object() {
  separate();
  out_ += '{';
  separator_due_ = false;
}

void JsonWriter::end_object() {
  out_ += '}';
  separator_due_ = true;
}

void JsonWriter::begin_array() {
  separate();
  out_ += '[';
  separator_due_ = false;
}

void JsonWriter::end_array() {
  out_ += ']';
  separator_due_ = true;
}

void JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  separator_due_ = false;
}

void JsonWriter::key(std::uint64_t number) {
  separate();
  out_ += '"';
  append_number(out_, number);
  out_ += "\":";
  separator_due_ = false;
}

void JsonWriter::null() {
  separate();
  out_ += "null";
}

void JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
}

void JsonWriter::text(std::string_view value) {
  separate();
  quote(value);
}

void JsonWriter::hex(Bytes value) {
  separate();
  out_ += '"';
  for (const std::byte byte : value) {
    const auto code = std::to_integer<unsigned>(byte);
    out_ += kHexDigits[code >> 4];
    out_ += kHexDigits[code & 0x0F];
  }
  out_ += '"';
}

void JsonWriter::number(float value) {
  if (!std::isfinite(value)) return null();
  separate();
  append_number(out_, value);
}

void JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  append_number(out_, value);
}

void JsonWriter::decimal(std::int64_t units, std::size_t places) {
  separate();
  std::uint64_t magnitude = static_cast<std::uint64_t>(units);
  if (units < 0) {
    out_ += '-';
    magnitude = 0 - magnitude;
  }
  std::array<char, 24> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude);
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t whole = digits.size() > places ? digits.size() - places : 0;
  if (whole == 0) {
    out_ += '0';
  } else {
    out_.append(digits, 0, whole);
  }
  if (places == 0) return;
  out_ += '.';
  out_.append(places - (digits.size() - whole), '0');
  out_.append(digits, whole);
}

void JsonWriter::separate() {
  if (separator_due_) out_ += ',';
  separator_due_ = true;
}

void JsonWriter::signed_number(std::int64_t value) {
  separate();
  append_number(out_, value);
}

void JsonWriter::unsigned_number(std::uint64_t value) {
  separate();
  append_number(out_, value);
}

void JsonWriter::quote(std::string_view value) {
  out_ += '"';
  std::size_t written = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!needs_escape(value[i])) continue;
    out_.append(value, written, i - written);
    append_escaped(out_, value[i]);
    written = i + 1;
  }
  out_.append(value, written);
  out_ += '"';
}

}  // namespace ingest
