// What an option of the configuration file is, apart from which options there are (those are in config_options.cc).
//
// A Schema<Struct> is the list of a section's options. Each binds a key to a member of the section's struct, with its
// type, range and help. One walk over it reads a section of YAML, another writes one: as `--print-config` does, or with
// explanations as in config/hilera.yaml. Wrong input is an issue in the Reader, never an exception.

#pragma once

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "daemon/config.h"

namespace hilera::options {

// Collects what is wrong with a file, and where its keys are.
class Reader {
 public:
  void error(int line, std::string key, std::string message);

  // An issue at a key of the file, or at the nearest section around it when the key is not there.
  void error_at(const std::string& key, std::string message);

  // Notes where the keys of a map are; unknown ones and those given twice are errors.
  void read_keys(const YAML::Node& map, const std::string& path, const std::vector<std::string_view>& known);

  // Whether the file has this key, be its value right or wrong.
  [[nodiscard]] bool seen(const std::string& key) const { return lines_.contains(key); }

  void note_line(const std::string& key, int line) { lines_[key] = line; }

  // In the order of their lines.
  [[nodiscard]] std::vector<ConfigIssue> take_issues();

 private:
  std::vector<ConfigIssue> issues_;
  std::map<std::string, int> lines_;
};

// Builds the text of a configuration file.
class Writer {
 public:
  enum class Style : std::uint8_t { kValues, kReference };

  explicit Writer(Style style) : style_(style) {}

  // With explanations, and options that are not set shown as comments.
  [[nodiscard]] bool reference() const { return style_ == Style::kReference; }

  void value(std::string_view key, std::string_view yaml);
  void unset(std::string_view key, std::string_view example);
  void open(std::string_view key);
  void open_item();
  void close();

  // Wrapped to the width of the file. Only in a reference, and not while silent.
  void explain(std::string_view text);
  void silence(bool silent) { silent_ = silent; }
  // While set, keys are written as comments.
  bool set_commented(bool commented) { return std::exchange(commented_, commented); }
  void blank_line();

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void line(std::string_view content);

  Style style_;
  std::size_t indent_ = 0;
  bool silent_ = false;
  bool commented_ = false;
  std::string text_;
};

// A text as a YAML scalar, quoted where it must be.
std::string quoted(std::string_view text);
std::string child(const std::string& path, std::string_view key);
int line_of(const YAML::Node& node);
// "expected EXPECTED, got WHAT"
std::string mismatch(std::string_view expected, const YAML::Node& got);

template <typename Struct>
struct Type {
  std::string expected;  // empty for sections
  std::function<void(const YAML::Node&, const std::string& path, Struct&, Reader&)> read;
  std::function<void(const Struct&, std::string_view key, Writer&)> write;  // only called when text or section is set
  std::function<std::string(const Struct&)> text;  // as YAML; empty: not set. Null for sections
  std::function<bool(const Struct&)> is_set;
  std::function<void(std::string_view key, Writer&)> write_unset;  // how a reference shows a section that is not set
};

template <typename Struct>
struct Option {
  std::string_view key;
  Type<Struct> type;
  std::string_view help;
  std::string_view example = {};  // for the reference, where there is no default
  bool required = false;
};

template <typename Struct>
using Schema = std::vector<Option<Struct>>;

template <typename Struct>
void read_section(const Schema<Struct>& schema, const YAML::Node& node, const std::string& path, Struct& out,
                  Reader& reader) {
  if (!node.IsMap() && !node.IsNull()) {
    reader.error(line_of(node), path, mismatch("a section of `key: value` lines", node));
    return;
  }
  std::vector<std::string_view> known;
  for (const auto& option : schema)
    known.push_back(option.key);
  reader.read_keys(node, path, known);
  for (const auto& option : schema) {
    const YAML::Node value = node.IsMap() ? node[std::string(option.key)] : YAML::Node(YAML::NodeType::Undefined);
    if (value.IsDefined()) {
      option.type.read(value, child(path, option.key), out, reader);
    } else if (option.required) {
      reader.error(line_of(node), child(path, option.key),
                   "is missing" + (option.type.expected.empty() ? "" : ": expected " + option.type.expected));
    }
  }
}

template <typename Struct>
void explain(const Option<Struct>& option, Writer& writer) {
  if (!writer.reference()) return;
  std::string text(option.help);
  if (!option.type.expected.empty()) {
    std::string range = option.type.expected;
    range.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(range.front())));
    text += " " + range;
    const std::string fallback = option.type.text(Struct{});
    if (option.required) text += "; required";
    if (!option.required && !fallback.empty()) text += "; default " + fallback;
    text += ".";
  }
  writer.explain(text);
}

template <typename Struct>
void write_section(const Schema<Struct>& schema, const Struct& section, Writer& writer) {
  for (const auto& option : schema) {
    const bool set = option.type.is_set(section);
    if (!set && !writer.reference()) continue;
    explain(option, writer);
    if (set) {
      option.type.write(section, option.key, writer);
    } else if (option.type.write_unset) {
      option.type.write_unset(option.key, writer);
    } else {
      writer.unset(option.key, option.example);
    }
  }
}

// --- types of values ---

// One value that is a scalar in YAML. `parse` refuses with none; `format` gives YAML, empty when the value is not set.
template <typename Struct, typename Value>
Type<Struct> scalar(Value Struct::*member, std::string expected,
                    std::function<std::optional<Value>(std::string_view)> parse,
                    std::function<std::string(const Value&)> format) {
  Type<Struct> type;
  type.expected = expected;
  type.read = [=](const YAML::Node& node, const std::string& path, Struct& out, Reader& reader) {
    std::optional<Value> value;
    if (node.IsScalar()) value = parse(node.Scalar());
    if (!value) return reader.error(line_of(node), path, mismatch(expected, node));
    out.*member = *value;
  };
  type.text = [=](const Struct& section) { return format(section.*member); };
  type.is_set = [=](const Struct& section) { return !format(section.*member).empty(); };
  type.write = [=](const Struct& section, std::string_view key, Writer& writer) {
    writer.value(key, format(section.*member));
  };
  return type;
}

struct TextRule {
  std::string_view expected;
  bool (*accepts)(std::string_view);
};

template <typename Struct>
Type<Struct> text(std::string Struct::*member, TextRule rule) {
  return scalar<Struct, std::string>(
      member, std::string(rule.expected),
      [rule](std::string_view given) { return rule.accepts(given) ? std::optional<std::string>(given) : std::nullopt; },
      [](const std::string& value) { return value.empty() ? std::string() : options::quoted(value); });
}

template <typename Struct, typename Integer>
Type<Struct> integer(Integer Struct::*member, std::type_identity_t<Integer> min, std::type_identity_t<Integer> max) {
  return scalar<Struct, Integer>(
      member, "a whole number from " + std::to_string(min) + " to " + std::to_string(max),
      [=](std::string_view given) -> std::optional<Integer> {
        Integer value{};
        const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
        if (error != std::errc{} || end != given.data() + given.size() || value < min || value > max)
          return std::nullopt;
        return value;
      },
      [](const Integer& value) { return std::to_string(value); });
}

template <typename Struct>
Type<Struct> flag(bool Struct::*member) {
  return scalar<Struct, bool>(
      member, "true or false",
      [](std::string_view given) -> std::optional<bool> {
        if (given == "true") return true;
        if (given == "false") return false;
        return std::nullopt;
      },
      [](const bool& value) { return std::string(value ? "true" : "false"); });
}

std::string duration_range(std::chrono::milliseconds min, std::chrono::milliseconds max);
std::string bytes_range(std::uint64_t min, std::uint64_t max);
std::optional<std::chrono::milliseconds> duration_within(std::string_view given, std::chrono::milliseconds min,
                                                         std::chrono::milliseconds max);
std::optional<std::uint64_t> bytes_within(std::string_view given, std::uint64_t min, std::uint64_t max);
std::string duration_text(const std::chrono::milliseconds& value);
std::string bytes_text(const std::uint64_t& value);

template <typename Struct>
Type<Struct> duration(std::chrono::milliseconds Struct::*member, std::chrono::milliseconds min,
                      std::chrono::milliseconds max) {
  return scalar<Struct, std::chrono::milliseconds>(
      member, duration_range(min, max), [=](std::string_view given) { return duration_within(given, min, max); },
      duration_text);
}

template <typename Struct>
Type<Struct> bytes(std::uint64_t Struct::*member, std::uint64_t min, std::uint64_t max) {
  return scalar<Struct, std::uint64_t>(
      member, bytes_range(min, max), [=](std::string_view given) { return bytes_within(given, min, max); }, bytes_text);
}

template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

template <typename Struct, typename Enum>
Type<Struct> choice(Enum Struct::*member, std::vector<Choice<Enum>> choices) {
  std::string expected = "one of";
  for (const auto& each : choices)
    expected.append(&each == &choices.front() ? " " : ", ").append(each.name);
  return scalar<Struct, Enum>(
      member, expected,
      [choices](std::string_view given) -> std::optional<Enum> {
        for (const auto& each : choices) {
          if (each.name == given) return each.value;
        }
        return std::nullopt;
      },
      [choices](const Enum& value) {
        for (const auto& each : choices) {
          if (each.value == value) return std::string(each.name);
        }
        return std::string();
      });
}

// A list of scalars.
template <typename Struct, typename Value>
Type<Struct> list(std::vector<Value> Struct::*member, std::string expected,
                  std::function<std::optional<Value>(std::string_view)> parse,
                  std::function<std::string(const Value&)> format) {
  Type<Struct> type;
  type.expected = "a list of " + expected;
  type.text = [=](const Struct& section) {
    std::string text;
    for (const Value& value : section.*member)
      text.append(text.empty() ? "[" : ", ").append(options::quoted(format(value)));
    return text.empty() ? text : text + "]";
  };
  type.read = [=](const YAML::Node& node, const std::string& path, Struct& out, Reader& reader) {
    if (!node.IsSequence()) return reader.error(line_of(node), path, mismatch("a list of " + expected, node));
    std::vector<Value> values;
    for (const YAML::Node& item : node) {
      std::optional<Value> value;
      if (item.IsScalar()) value = parse(item.Scalar());
      if (!value) {
        reader.error(line_of(item), path, mismatch(expected, item));
      } else {
        values.push_back(*value);
      }
    }
    out.*member = std::move(values);
  };
  type.is_set = [=](const Struct& section) { return !(section.*member).empty(); };
  type.write = [text = type.text](const Struct& section, std::string_view key, Writer& writer) {
    writer.value(key, text(section));
  };
  return type;
}

// --- sections in sections ---

template <typename Struct, typename Section>
Type<Struct> section(Section Struct::*member, const Schema<Section>& schema) {
  Type<Struct> type;
  type.read = [member, &schema](const YAML::Node& node, const std::string& path, Struct& out, Reader& reader) {
    read_section(schema, node, path, out.*member, reader);
  };
  type.is_set = [](const Struct&) { return true; };
  type.write = [member, &schema](const Struct& parent, std::string_view key, Writer& writer) {
    writer.open(key);
    write_section(schema, parent.*member, writer);
    writer.close();
  };
  return type;
}

// A section whose presence means something: set when it is in the file, even if it is empty there.
template <typename Struct, typename Section>
Type<Struct> section(std::optional<Section> Struct::*member, const Schema<Section>& schema) {
  Type<Struct> type;
  const auto write_it = [&schema](const Section& value, std::string_view key, Writer& writer) {
    writer.open(key);
    write_section(schema, value, writer);
    writer.close();
  };
  type.read = [member, &schema](const YAML::Node& node, const std::string& path, Struct& out, Reader& reader) {
    read_section(schema, node, path, (out.*member).emplace(), reader);
  };
  type.is_set = [member](const Struct& parent) { return (parent.*member).has_value(); };
  type.write = [=](const Struct& parent, std::string_view key, Writer& writer) {
    write_it(*(parent.*member), key, writer);
  };
  type.write_unset = [=](std::string_view key, Writer& writer) {
    const bool before = writer.set_commented(true);
    write_it(Section{}, key, writer);
    writer.set_commented(before);
  };
  return type;
}

// A list of sections, of which a reference explains the first.
template <typename Struct, typename Section>
Type<Struct> sections(std::vector<Section> Struct::*member, const Schema<Section>& schema) {
  Type<Struct> type;
  type.read = [member, &schema](const YAML::Node& node, const std::string& path, Struct& out, Reader& reader) {
    if (!node.IsSequence()) return reader.error(line_of(node), path, mismatch("a list of sections", node));
    for (std::size_t i = 0; i < node.size(); ++i) {
      const std::string item = path + "[" + std::to_string(i) + "]";
      reader.note_line(item, line_of(node[i]));
      read_section(schema, node[i], item, (out.*member).emplace_back(), reader);
    }
  };
  type.is_set = [member](const Struct& parent) { return !(parent.*member).empty(); };
  type.write = [member, &schema](const Struct& parent, std::string_view key, Writer& writer) {
    writer.open(key);
    for (const Section& value : parent.*member) {
      writer.open_item();
      writer.silence(&value != &(parent.*member).front());
      write_section(schema, value, writer);
      writer.close();
    }
    writer.silence(false);
    writer.close();
  };
  return type;
}

}  // namespace hilera::options
