#include "ingest/semtech_json.h"

#include <algorithm>
#include <optional>

#include "ingest/semtech_frame.h"
#include "ingest/semtech_time.h"
#include "ingest/strict_json.h"

namespace ingest::semtech {
namespace {

constexpr std::string_view kReceived = "rxpk";
constexpr std::string_view kStatistic = "stat";
constexpr std::string_view kWhitespace = " \t\r\n";

std::string_view reason_of(JsonFault fault) {
  switch (fault) {
    case JsonFault::kNone:
      return {};
    case JsonFault::kSyntax:
      return reason::kJsonSyntax;
    case JsonFault::kDepth:
      return reason::kJsonDepth;
    case JsonFault::kDuplicateKey:
      return reason::kJsonDuplicate;
    case JsonFault::kRefused:
      break;
  }
  return reason::kJsonShape;
}

// {"rxpk":[{..},..],"stat":{..}}
class PushVisitor final : public JsonVisitor {
 public:
  PushVisitor(Bytes body, std::vector<Record>& records) : body_(body), records_(records) {}

  [[nodiscard]] bool too_many() const { return too_many_; }

  bool scalar(const JsonPlace& place, const JsonScalar& value) override {
    if (place.depth == 0 || (place.depth == 1 && is_ours(place.key))) return false;
    if (place.depth == 2 && in_received_) return false;
    if (place.depth != record_depth_) return true;
    if (place.key == "time") {
      if (const auto* text = std::get_if<std::string_view>(&value)) time_ = parse_time(*text);
    } else if (place.key == "tmms") {
      if (const auto* number = std::get_if<std::uint64_t>(&value)) gps_time_ = from_gps_time(*number);
    }
    return true;
  }

  bool open_object(const JsonPlace& place) override {
    if (place.depth == 1 && place.key == kReceived) return false;
    const bool received = place.depth == 2 && in_received_;
    const bool statistic = place.depth == 1 && place.key == kStatistic;
    return !(received || statistic) || begin_record(place);
  }

  bool open_array(const JsonPlace& place) override {
    if (place.depth == 0 || (place.depth == 1 && place.key == kStatistic)) return false;
    if (place.depth == 2 && in_received_) return false;
    if (place.depth == 1 && place.key == kReceived) in_received_ = true;
    return true;
  }

  bool close(const JsonPlace& place) override {
    if (place.depth + 1 == record_depth_) end_record(place);
    if (place.depth == 1) in_received_ = false;
    return true;
  }

 private:
  static bool is_ours(std::string_view key) { return key == kReceived || key == kStatistic; }

  bool begin_record(const JsonPlace& place) {
    too_many_ = records_.size() == kMaxRecords;
    if (too_many_) return false;
    record_depth_ = place.depth + 1;
    start_ = place.after - 1;
    time_.reset();
    gps_time_.reset();
    return true;
  }

  void end_record(const JsonPlace& place) {
    records_.push_back(
        {.bytes = body_.subspan(start_, place.after - start_), .device_time = time_ ? time_ : gps_time_});
    record_depth_ = 0;
  }

  Bytes body_;
  std::vector<Record>& records_;
  bool too_many_ = false;
  bool in_received_ = false;
  std::size_t record_depth_ = 0;  // of the members of the record that is open; 0: none is
  std::size_t start_ = 0;
  std::optional<std::int64_t> time_;
  std::optional<std::int64_t> gps_time_;
};

// {"txpk_ack":{"error":"..","warn":"..","value":..}}
class TxAckVisitor final : public JsonVisitor {
 public:
  explicit TxAckVisitor(std::string_view body) : body_(body) {}

  // Views into the body; empty when there is none.
  [[nodiscard]] std::string_view error() const { return error_; }
  [[nodiscard]] std::string_view warning() const { return warning_; }

  bool scalar(const JsonPlace& place, const JsonScalar& value) override {
    if (place.depth == 0) return false;
    if (place.depth == 1 && place.key == "txpk_ack") return std::holds_alternative<std::nullptr_t>(value);
    if (place.depth != 2 || !in_ack_) return true;
    if (place.key == "error") return take(place, value, error_);
    if (place.key == "warn") return take(place, value, warning_);
    return true;
  }
  bool open_object(const JsonPlace& place) override {
    if (place.depth == 1) in_ack_ = place.key == "txpk_ack";
    return !is_value_of_ours(place);
  }
  bool open_array(const JsonPlace& place) override {
    if (place.depth == 0 || (place.depth == 1 && place.key == "txpk_ack")) return false;
    return !is_value_of_ours(place);
  }
  bool close(const JsonPlace& place) override {
    if (place.depth == 1) in_ack_ = false;
    return true;
  }

 private:
  [[nodiscard]] bool is_value_of_ours(const JsonPlace& place) const {
    return place.depth == 2 && in_ack_ && (place.key == "error" || place.key == "warn");
  }

  bool take(const JsonPlace& place, const JsonScalar& value, std::string_view& out) {
    if (std::holds_alternative<std::nullptr_t>(value)) return true;
    const auto* text = std::get_if<std::string_view>(&value);
    if (!text) return false;
    if (*text == "" || *text == "NONE") return true;
    out = within_body(place, *text);
    return true;
  }

  // Errors are words in capitals. What is not is kept by the name of another.
  [[nodiscard]] std::string_view within_body(const JsonPlace& place, std::string_view text) const {
    constexpr std::size_t kLongest = 64;
    const bool word = text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
                        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                      });
    if (!word || place.after < text.size() + 2) return "OTHER";
    const std::string_view as_written = body_.substr(place.after - 1 - text.size(), text.size());
    return as_written == text ? as_written : "OTHER";
  }

  std::string_view body_;
  bool in_ack_ = false;
  std::string_view error_;
  std::string_view warning_;
};

}  // namespace

std::string_view scan_push(Bytes body, std::vector<Record>& records) {
  PushVisitor visitor(body, records);
  const JsonFault fault = walk_json(as_text(body), visitor);
  return visitor.too_many() ? reason::kTooManyRecords : reason_of(fault);
}

// The value of a member stands behind a colon, the element of an array behind a bracket or a comma.
std::string_view kind_of(Bytes body, Bytes record) {
  const auto start = static_cast<std::size_t>(record.data() - body.data());
  const std::string_view before = as_text(body.first(start));
  const std::size_t last = before.find_last_not_of(kWhitespace);
  return last != std::string_view::npos && before[last] == ':' ? kStatistic : kReceived;
}

std::string_view read_tx_ack(Bytes body, DownlinkAnswer& answer) {
  std::string_view text = as_text(body);
  text = text.substr(0, text.find_last_not_of('\0') + 1);
  answer.outcome = DownlinkAnswer::Outcome::kDelivered;
  answer.text = {};
  if (text.empty()) return {};
  TxAckVisitor visitor(text);
  const JsonFault fault = walk_json(text, visitor);
  if (fault != JsonFault::kNone) return reason_of(fault);
  answer.text = visitor.warning();
  if (visitor.error().empty()) return {};
  answer.outcome = DownlinkAnswer::Outcome::kFailed;
  answer.text = visitor.error();
  return {};
}

}  // namespace ingest::semtech
