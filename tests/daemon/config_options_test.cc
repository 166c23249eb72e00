// Walks the declaration: each option takes its default, and refuses what is of no type at all.

#include "daemon/config_options.h"

#include <gtest/gtest.h>

#include <sstream>

namespace hilera {
namespace {

// The reference file as lines of (section, key, value), with what is commented out included.
struct Line {
  std::string section;
  std::string key;
  std::string value;
};

std::vector<Line> scalar_lines() {
  std::vector<Line> lines;
  std::string section;
  std::istringstream text(reference_config());
  for (std::string line; std::getline(text, line);) {
    const auto colon = line.find(':');
    if (line.empty() || line.front() == '#' || colon == std::string::npos) continue;
    const auto start = line.find_first_not_of(' ');
    if (line[start] == '#' || line[start] == '-') continue;
    const std::string key = line.substr(start, colon - start);
    if (start == 0) section = key;
    if (colon + 2 < line.size() && start == 2) lines.push_back({section, key, line.substr(colon + 2)});
  }
  return lines;
}

std::string with(const Line& changed, const std::string& value) {
  std::string text = reference_config();
  const auto section = text.find("\n" + changed.section + ":");
  const std::string old = "\n  " + changed.key + ": " + changed.value + "\n";
  const auto place = text.find(old, section);
  return text.replace(place, old.size(), "\n  " + changed.key + ": " + value + "\n");
}

TEST(ConfigOptions, EachRefusesAListOfLists) {
  const auto lines = scalar_lines();
  ASSERT_GT(lines.size(), 20U);
  for (const Line& line : lines) {
    const std::string path = line.section + "." + line.key;
    try {
      parse_config(with(line, "[[]]"), "test.yaml");
      ADD_FAILURE() << path << " was accepted";
    } catch (const ConfigError& error) {
      ASSERT_EQ(error.issues().size(), 1U) << error.what();
      EXPECT_EQ(error.issues()[0].key, path);
      EXPECT_TRUE(error.issues()[0].message.starts_with("expected ")) << error.what();
      EXPECT_GT(error.issues()[0].line, 0);
    }
  }
}

TEST(ConfigOptions, EachHasAHelpThatIsASentence) {
  for (const auto& option : config_options()) {
    EXPECT_TRUE(option.help.ends_with('.')) << option.key;
    EXPECT_FALSE(option.key.empty());
  }
}

template <typename Integer>
struct Holder {
  Integer number = 5;
  std::string name;
  std::chrono::milliseconds time{1000};
  std::uint64_t size = 1024;
  bool operator==(const Holder&) const = default;
};

using Small = Holder<std::uint16_t>;

std::vector<std::string> issues_of(const options::Schema<Small>& schema, const std::string& yaml, Small& out) {
  options::Reader reader;
  options::read_section(schema, YAML::Load(yaml), "s", out, reader);
  std::vector<std::string> messages;
  for (const auto& issue : reader.take_issues())
    messages.push_back(issue.key + ": " + issue.message);
  return messages;
}

TEST(Options, RangesIncludeTheirEnds) {
  using namespace std::chrono_literals;
  const options::Schema<Small> schema{
      {.key = "number", .type = options::integer(&Small::number, 2, 65535), .help = "."},
      {.key = "time", .type = options::duration(&Small::time, 1s, 2s), .help = "."},
      {.key = "size", .type = options::bytes(&Small::size, 1024, 2048), .help = "."},
  };
  Small out;
  for (const char* good : {"number: 2", "number: 65535", "time: 1000ms", "time: 2s", "size: 1KiB", "size: 2048B"}) {
    EXPECT_TRUE(issues_of(schema, good, out).empty()) << good;
  }
  out = {};
  for (const char* bad : {"number: 1", "number: 65536", "number: 2.0", "number: 0x2", "time: 999ms", "time: 2001ms",
                          "size: 1023B", "size: 3KiB"}) {
    EXPECT_EQ(issues_of(schema, bad, out).size(), 1U) << bad;
    EXPECT_EQ(out, Small{}) << bad << " changed a value";
  }
}

TEST(Options, ARequiredOneThatIsMissingIsAnIssueThatSaysWhatItIs) {
  const options::Schema<Small> schema{
      {.key = "number", .type = options::integer(&Small::number, 0, 9), .help = ".", .required = true}};
  Small out;
  EXPECT_EQ(issues_of(schema, "{}", out),
            std::vector<std::string>{"s.number: is missing: expected a whole number from 0 to 9"});
}

TEST(Options, TextIsQuotedWhereYamlWouldReadSomethingElse) {
  for (const char* text : {"plain", "a/b.c-d", "10.0.0.1"})
    EXPECT_EQ(options::quoted(text), text);
  for (const char* text : {"", "null", "True", "no", "-x", "a: b", "#x", "\"", "\\", "{", "it's", "~", " x"}) {
    const std::string quoted = options::quoted(text);
    EXPECT_EQ(YAML::Load("k: " + quoted)["k"].Scalar(), text) << quoted;
  }
}

}  // namespace
}  // namespace hilera
