#include "ingest/semtech_time.h"

#include <charconv>
#include <chrono>

#include "ingest/frame_id.h"

namespace ingest::semtech {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::sys_days kGpsEpoch = std::chrono::year{1980} / 1 / 6;
constexpr std::chrono::seconds kLeapSeconds{18};

// Takes a time apart from its front.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return text_.empty(); }

  bool skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }

  // A number of exactly so many digits.
  bool number(std::size_t digits, unsigned& value) {
    if (text_.size() < digits) return false;
    const char* end = text_.data() + digits;
    const auto [stop, error] = std::from_chars(text_.data(), end, value);
    if (error != std::errc() || stop != end) return false;
    text_.remove_prefix(digits);
    return true;
  }

  // ".528002" is 528 ms; nothing is 0.
  bool fraction(milliseconds& value) {
    value = milliseconds::zero();
    if (!skip(".")) return true;
    std::size_t digits = 0;
    for (milliseconds unit{100}; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; unit /= 10) {
      value += unit * (text_[digits] - '0');
      ++digits;
    }
    text_.remove_prefix(digits);
    return digits > 0;
  }

  // "Z", "+02:00", "-0330".
  bool offset(std::chrono::minutes& value) {
    value = std::chrono::minutes::zero();
    if (skip("Z")) return true;
    const bool west = skip("-");
    if (!west && !skip("+")) return false;
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!number(2, hours)) return false;
    skip(":");
    if (!number(2, minutes) || hours > 23 || minutes > 59) return false;
    value = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (west) value = -value;
    return true;
  }

 private:
  std::string_view text_;
};

bool read_date(TimeReader& reader, std::chrono::sys_days& date) {
  unsigned year = 0;
  unsigned month = 0;
  unsigned day = 0;
  if (!reader.number(4, year) || !reader.skip("-") || !reader.number(2, month) || !reader.skip("-")) return false;
  if (!reader.number(2, day)) return false;
  const std::chrono::year_month_day whole{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                          std::chrono::day(day)};
  if (!whole.ok()) return false;
  date = whole;
  return true;
}

bool read_clock(TimeReader& reader, milliseconds& since_midnight) {
  unsigned hours = 0;
  unsigned minutes = 0;
  unsigned seconds = 0;
  milliseconds fraction{};
  if (!reader.number(2, hours) || !reader.skip(":") || !reader.number(2, minutes) || !reader.skip(":")) return false;
  if (!reader.number(2, seconds) || !reader.fraction(fraction)) return false;
  if (hours > 23 || minutes > 59 || seconds > 60) return false;
  since_midnight = std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds) + fraction;
  return true;
}

std::optional<std::int64_t> usable(milliseconds since_1970) {
  if (since_1970 < milliseconds::zero()) return std::nullopt;
  return usable_device_time(static_cast<std::uint64_t>(since_1970.count()));
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) {
  TimeReader reader(text);
  std::chrono::sys_days date;
  milliseconds clock{};
  std::chrono::minutes offset{};
  if (!read_date(reader, date)) return std::nullopt;
  const bool iso = reader.skip("T");
  if (!iso && !reader.skip(" ")) return std::nullopt;
  if (!read_clock(reader, clock)) return std::nullopt;
  if (iso ? !reader.offset(offset) : !reader.skip(" GMT")) return std::nullopt;
  if (!reader.at_end()) return std::nullopt;
  return usable(date.time_since_epoch() + clock - offset);
}

std::optional<std::int64_t> from_gps_time(std::uint64_t milliseconds_of_gps) {
  if (!usable_device_time(milliseconds_of_gps)) return std::nullopt;
  const milliseconds gps(static_cast<std::int64_t>(milliseconds_of_gps));
  return usable(kGpsEpoch.time_since_epoch() + gps - kLeapSeconds);
}

}  // namespace ingest::semtech
