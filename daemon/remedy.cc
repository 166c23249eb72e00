#include "daemon/remedy.h"

#include <array>
#include <cstddef>

namespace hilera {
namespace {

using namespace std::chrono_literals;
using db::ErrorClass;

struct Line {
  ErrorClass error_class;
  Remedy remedy;
};

// In the order of ErrorClass. A refused row is isolated by the batch itself; what comes here of that class is a refusal
// by dead_letter, or a refusal of something else than a row.
constexpr std::array<Line, db::kErrorClasses> kTable{{
    {ErrorClass::kRetry, {.attempts_at_once = 3}},
    {ErrorClass::kRollbackRetry, {.attempts_at_once = 3}},
    {ErrorClass::kReconnect, {}},
    {ErrorClass::kDuplicate, {.first_pause = 1s, .longest_pause = 30s, .alarm = true}},
    {ErrorClass::kSplit, {.attempts_at_once = 20, .smaller_statements = true}},
    {ErrorClass::kPoisonRow, {.first_pause = 1s, .longest_pause = 30s, .alarm = true}},
    {ErrorClass::kStopAndAlarm, {.first_pause = 1s, .longest_pause = 30s, .alarm = true}},
    {ErrorClass::kWait, {.first_pause = 100ms, .longest_pause = 2s}},
}};

}  // namespace

const Remedy& remedy_for(ErrorClass error_class) {
  return kTable.at(static_cast<std::size_t>(error_class)).remedy;
}

}  // namespace hilera
