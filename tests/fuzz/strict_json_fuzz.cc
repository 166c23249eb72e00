// Target strict_json: the walk over JSON takes exactly what a full parser takes and its own bounds allow, and visits it
// in an order that is that of a tree; txpk texts on top of it.

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

#include "ingest/semtech_txpk.h"
#include "ingest/strict_json.h"
#include "ingest/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::check;
using nlohmann::json;

// What the parser itself says, with the bounds of strict_json.h on top. The keys are compared as they are.
class Judge : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool key(string_t& name) override { return keys_.back().insert(name).second; }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

 private:
  bool open() {
    keys_.emplace_back();
    return keys_.size() <= ingest::kMaxJsonDepth;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> keys_;  // of each open object or array
};

bool is_strict(std::string_view text) {
  Judge judge;
  return text.find('\0') == std::string_view::npos && !text.starts_with("\xEF") && json::sax_parse(text, &judge);
}

// Follows the visits, and ends the walk at one of them.
class Follower final : public ingest::JsonVisitor {
 public:
  Follower(std::size_t size, std::size_t visits) : size_(size), visits_left_(visits) {}

  [[nodiscard]] bool complete() const { return open_.empty() && values_ == 1; }
  [[nodiscard]] bool refused() const { return refused_; }

  bool scalar(const ingest::JsonPlace& place, const ingest::JsonScalar& value) override {
    begin(place);
    if (const auto* text = std::get_if<std::string_view>(&value)) check(ingest::is_utf8(*text), "a text is UTF-8");
    return goes_on();
  }
  bool open_object(const ingest::JsonPlace& place) override {
    begin(place);
    open_.push_back('{');
    return goes_on();
  }
  bool open_array(const ingest::JsonPlace& place) override {
    begin(place);
    open_.push_back('[');
    return goes_on();
  }
  bool close(const ingest::JsonPlace& place) override {
    check(!open_.empty(), "what is closed was opened");
    open_.pop_back();
    visit(place);
    check(place.key.empty(), "an end has no key");
    return goes_on();
  }

 private:
  void begin(const ingest::JsonPlace& place) {
    visit(place);
    if (open_.empty()) ++values_;
    if (open_.empty() || open_.back() == '[') check(place.key.empty(), "only a member has a key");
  }
  void visit(const ingest::JsonPlace& place) {
    check(!refused_, "a refusal ends the walk");
    check(place.depth == open_.size() && place.depth <= ingest::kMaxJsonDepth, "the depth is right");
    check(place.after >= last_ && place.after <= size_, "offsets ascend within the text");
    check(ingest::is_utf8(place.key), "a key is UTF-8");
    last_ = place.after;
  }
  bool goes_on() {
    if (visits_left_ == 0) refused_ = true;
    --visits_left_;
    return !refused_;
  }

  std::size_t size_;
  std::size_t visits_left_;
  std::string open_;
  std::size_t values_ = 0;
  std::size_t last_ = 0;
  bool refused_ = false;
};

void run(fuzz::Bytes input) {
  constexpr std::size_t kAll = 1U << 30;
  const std::string text = fuzz::text_of(input);
  Follower whole(text.size(), kAll);
  const bool accepted = ingest::walk_json(text, whole) == ingest::JsonFault::kNone;
  check(accepted == is_strict(text), "the walk takes what the parser takes, within its bounds");
  check(!accepted || whole.complete(), "what is taken is one value");

  Follower part(text.size(), text.size() % 8);
  const auto fault = ingest::walk_json(text, part);
  check(part.refused() ? fault == ingest::JsonFault::kRefused : true, "a refusal is told as one");
  check(!ingest::semtech::is_txpk(text) || accepted, "a txpk is JSON");
}

const fuzz::Target kTarget("strict_json", run);

}  // namespace
