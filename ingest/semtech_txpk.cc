#include "ingest/semtech_txpk.h"

#include <algorithm>
#include <array>

#include "ingest/strict_json.h"

namespace ingest::semtech {
namespace {

constexpr double kLargestPayload = 255;

enum Kind : unsigned { kBoolean = 1, kInteger = 2, kReal = 4, kText = 8, kNumber = kInteger | kReal };

struct Member {
  std::string_view name;
  unsigned kinds = 0;
  double least = 0;
  double most = 0;
};

constexpr double kAnyTick = 4294967295.0;
constexpr double kAnyTime = 9007199254740992.0;

constexpr std::array kMembers = {
    Member{"imme", kBoolean},
    Member{"tmst", kInteger, 0, kAnyTick},
    Member{"tmms", kInteger, 0, kAnyTime},
    Member{"freq", kNumber, 1, 10'000},
    Member{"rfch", kInteger, 0, 255},
    Member{"brd", kInteger, 0, 255},
    Member{"ant", kInteger, 0, 255},
    Member{"powe", kInteger, -128, 127},
    Member{"modu", kText},
    Member{"datr", kInteger | kText, 1, 1'000'000},
    Member{"codr", kText},
    Member{"fdev", kInteger, 0, 1'000'000},
    Member{"ipol", kBoolean},
    Member{"prea", kInteger, 0, 65'535},
    Member{"size", kInteger, 0, kLargestPayload},
    Member{"data", kText},
    Member{"ncrc", kBoolean},
    Member{"nhdr", kBoolean},
};

unsigned kind_of(const JsonScalar& value) {
  switch (value.index()) {
    case 1:
      return kBoolean;
    case 2:
    case 3:
      return kInteger;
    case 4:
      return kReal;
    case 5:
      return kText;
    default:
      return 0;
  }
}

double number_of(const JsonScalar& value) {
  if (const auto* positive = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*positive);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return std::get<double>(value);
}

bool is_base64_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
         c == '-' || c == '_';
}

class TxpkVisitor final : public JsonVisitor {
 public:
  [[nodiscard]] bool complete() const {
    if (!frequency_ || !datarate_ || data_size_ < 0 || data_size_ != size_ || times_ != 1) return false;
    return modulation_ == Modulation::kLora ? coding_ : modulation_ == Modulation::kFsk && deviation_;
  }

  bool scalar(const JsonPlace& place, const JsonScalar& value) override {
    if (place.depth != 1) return false;
    const auto* member = std::ranges::find(kMembers, place.key, &Member::name);
    if (member == kMembers.end() || (member->kinds & kind_of(value)) == 0) return false;
    if ((kind_of(value) & kNumber) != 0) {
      const double number = number_of(value);
      if (number < member->least || number > member->most) return false;
    }
    return note(place.key, value);
  }
  bool open_object(const JsonPlace& place) override { return place.depth == 0; }
  bool open_array(const JsonPlace& /*place*/) override { return false; }
  bool close(const JsonPlace& /*place*/) override { return true; }

 private:
  enum class Modulation : std::uint8_t { kNone, kLora, kFsk };

  bool note(std::string_view key, const JsonScalar& value) {
    if (key == "imme") times_ += std::get<bool>(value) ? 1 : 0;
    if (key == "tmst" || key == "tmms") ++times_;
    frequency_ |= key == "freq";
    datarate_ |= key == "datr";
    coding_ |= key == "codr";
    deviation_ |= key == "fdev";
    if (key == "size") size_ = number_of(value);
    if (key == "modu") return note_modulation(std::get<std::string_view>(value));
    if (key == "data") return note_data(std::get<std::string_view>(value));
    return true;
  }

  bool note_modulation(std::string_view name) {
    if (name == "LORA") modulation_ = Modulation::kLora;
    if (name == "FSK") modulation_ = Modulation::kFsk;
    return modulation_ != Modulation::kNone;
  }

  // Four digits are three bytes; padding is optional, but right where it is.
  bool note_data(std::string_view text) {
    const std::size_t digits = text.find_last_not_of('=') + 1;
    const bool padded = digits != text.size();
    if (digits % 4 == 1 || (padded && (text.size() % 4 != 0 || text.size() - digits > 2))) return false;
    if (!std::ranges::all_of(text.substr(0, digits), is_base64_digit)) return false;
    data_size_ = static_cast<double>(digits * 6 / 8);
    return true;
  }

  bool frequency_ = false;
  bool datarate_ = false;
  bool coding_ = false;
  bool deviation_ = false;
  Modulation modulation_ = Modulation::kNone;
  int times_ = 0;
  double size_ = -1;
  double data_size_ = -1;
};

}  // namespace

bool is_txpk(std::string_view text) {
  TxpkVisitor visitor;
  return walk_json(text, visitor) == JsonFault::kNone && visitor.complete();
}

}  // namespace ingest::semtech
