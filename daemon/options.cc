#include "daemon/options.h"

#include <algorithm>
#include <array>
#include <set>

#include "daemon/units.h"

namespace hilera::options {

namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kWidth = 110;

std::string join(const std::vector<std::string_view>& names) {
  std::string text;
  for (const auto name : names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

bool plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '/' || c == '-';
}

// What YAML reads as something else than a text.
bool reserved_word(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kWords{"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

}  // namespace

void Reader::error(int line, std::string key, std::string message) {
  issues_.push_back({line, std::move(key), std::move(message)});
}

void Reader::error_at(const std::string& key, std::string message) {
  int line = 0;
  for (std::string path = key;; path.resize(path.find_last_of(".["))) {
    const auto found = lines_.find(path);
    if (found != lines_.end()) {
      line = found->second;
      break;
    }
    if (path.find_last_of(".[") == std::string::npos) break;
  }
  error(line, key, std::move(message));
}

void Reader::read_keys(const YAML::Node& map, const std::string& path, const std::vector<std::string_view>& known) {
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const int line = line_of(entry.first);
    if (!entry.first.IsScalar()) {
      error(line, path, mismatch("a key", entry.first));
      continue;
    }
    const std::string& key = entry.first.Scalar();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      error(line, child(path, key), "unknown key; expected one of " + join(known));
    } else if (!seen.insert(key).second) {
      error(line, child(path, key), "is given twice in the same section");
    }
    note_line(child(path, key), line);
  }
}

std::vector<ConfigIssue> Reader::take_issues() {
  std::stable_sort(issues_.begin(), issues_.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  return std::move(issues_);
}

void Writer::value(std::string_view key, std::string_view yaml) {
  line(std::string(commented_ ? "# " : "").append(key).append(": ").append(yaml));
}

void Writer::unset(std::string_view key, std::string_view example) {
  if (!silent_) line(std::string("# ").append(key).append(": ").append(example));
}

void Writer::open(std::string_view key) {
  line(std::string(commented_ ? "# " : "").append(key).append(":"));
  indent_ += kIndent;
}

void Writer::open_item() {
  line("-");
  indent_ += kIndent;
}

void Writer::close() {
  indent_ -= kIndent;
}

void Writer::explain(std::string_view text) {
  if (!reference() || silent_) return;
  const std::size_t width = kWidth - indent_ - 2;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > width) end = text.rfind(' ', width);
    if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    line(std::string("# ").append(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void Writer::blank_line() {
  text_ += '\n';
}

void Writer::line(std::string_view content) {
  text_.append(indent_, ' ').append(content).append("\n");
}

std::string quoted(std::string_view text) {
  const bool plain = !text.empty() && text.front() != '-' && !reserved_word(text) &&
                     std::all_of(text.begin(), text.end(), plain_character);
  if (plain) return std::string(text);
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string child(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

int line_of(const YAML::Node& node) {
  return node.Mark().is_null() ? 0 : node.Mark().line + 1;
}

std::string mismatch(std::string_view expected, const YAML::Node& got) {
  std::string text = std::string("expected ").append(expected).append(", got ");
  switch (got.Type()) {
    case YAML::NodeType::Scalar:
      return text.append("\"").append(got.Scalar()).append("\"");
    case YAML::NodeType::Sequence:
      return text.append("a list");
    case YAML::NodeType::Map:
      return text.append("a section");
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return text.append("nothing");
}

std::string duration_range(std::chrono::milliseconds min, std::chrono::milliseconds max) {
  return "a duration with its unit, from " + format_duration(min) + " to " + format_duration(max);
}

std::string bytes_range(std::uint64_t min, std::uint64_t max) {
  return "a size with its unit, from " + format_bytes(min) + " to " + format_bytes(max);
}

std::optional<std::chrono::milliseconds> duration_within(std::string_view given, std::chrono::milliseconds min,
                                                         std::chrono::milliseconds max) {
  const auto value = parse_duration(given);
  return value && *value >= min && *value <= max ? value : std::nullopt;
}

std::optional<std::uint64_t> bytes_within(std::string_view given, std::uint64_t min, std::uint64_t max) {
  const auto value = parse_bytes(given);
  return value && *value >= min && *value <= max ? value : std::nullopt;
}

std::string duration_text(const std::chrono::milliseconds& value) {
  return format_duration(value);
}

std::string bytes_text(const std::uint64_t& value) {
  return format_bytes(value);
}

}  // namespace hilera::options
