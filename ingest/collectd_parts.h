// The binary protocol of collectd: parts, and the state that they carry from one to the next.
//
//   datagram: parts
//   part:     type(2)  length(2, of the whole part)  body
//
//   0000 host   0002 plugin   0003 plugin instance   0004 type   0005 type instance   0100 message: text and a NUL
//   0001 time   0007 interval, in seconds; 0008 time   0009 interval, in 2^-30 seconds; 0101 severity: 8 bytes
//   0006 values:     number n(2)  kinds(n)  values(8 n)
//   0200 signature:  HMAC-SHA-256(32)  user; of the user and all that follows the part
//   0210 encryption: the rest of the datagram
//
// Integers are big-endian; a gauge is a little-endian double. A part says what holds from there on, until another one
// of its type; parts `values` and `message` are samples, made of what holds where they stand. Parts of other types mean
// nothing.
//
// Pure, never throws on bad input, never allocates; views point into the given bytes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ingest/byte_reader.h"

namespace ingest::collectd {

enum class PartType : std::uint16_t {
  kHost = 0x0000,
  kTime = 0x0001,
  kPlugin = 0x0002,
  kPluginInstance = 0x0003,
  kType = 0x0004,
  kTypeInstance = 0x0005,
  kValues = 0x0006,
  kInterval = 0x0007,
  kTimeFine = 0x0008,
  kIntervalFine = 0x0009,
  kMessage = 0x0100,
  kSeverity = 0x0101,
  kSignature = 0x0200,
  kEncryption = 0x0210,
};

inline constexpr std::size_t kPartHeadSize = 4;
inline constexpr std::size_t kMacSize = 32;
inline constexpr std::size_t kMaxName = 127;     // without the NUL: DATA_MAX_NAME_LEN of collectd
inline constexpr std::size_t kMaxMessage = 255;  // NOTIF_MAX_MSG_LEN
inline constexpr std::size_t kValueSize = 9;     // with its kind

// The host is one of the first parts: collectd writes at most the signature, the time and a severity before it.
inline constexpr std::size_t kHostWithin = 4;

// What an Ethernet of large frames (9000 bytes) carries in one packet. collectd's MaxPacketSize is 1452 by default.
inline constexpr std::size_t kMaxDatagramSize = 8972;

// Why the codec refuses. Prometheus label values.
namespace reason {
inline constexpr std::string_view kNoRecords = "no_records";
inline constexpr std::string_view kPartLength = "part_length";
inline constexpr std::string_view kPartOverrun = "part_overrun";
inline constexpr std::string_view kTextLength = "text_length";
inline constexpr std::string_view kTextForm = "text_form";
inline constexpr std::string_view kTextUtf8 = "text_utf8";
inline constexpr std::string_view kNumberLength = "number_length";
inline constexpr std::string_view kTimeRange = "time_range";
inline constexpr std::string_view kSeverity = "severity";
inline constexpr std::string_view kValuesLength = "values_length";
inline constexpr std::string_view kValueKind = "value_kind";
inline constexpr std::string_view kHostCharacters = "host_characters";
inline constexpr std::string_view kHostPlace = "host_place";
inline constexpr std::string_view kSeveralHosts = "several_hosts";
inline constexpr std::string_view kIncomplete = "incomplete";
inline constexpr std::string_view kSignatureLength = "signature_length";
inline constexpr std::string_view kSignaturePlace = "signature_place";
inline constexpr std::string_view kUserNotHost = "user_not_host";
inline constexpr std::string_view kEncrypted = "encrypted";

inline constexpr std::array kAll = {
    kNoRecords,  kPartLength,      kPartOverrun,    kTextLength,  kTextForm,       kTextUtf8,  kNumberLength,
    kTimeRange,  kSeverity,        kValuesLength,   kValueKind,   kHostCharacters, kHostPlace, kSeveralHosts,
    kIncomplete, kSignatureLength, kSignaturePlace, kUserNotHost, kEncrypted,
};
}  // namespace reason

struct Part {
  PartType type{};
  Bytes bytes;  // all of it
  Bytes body;

  [[nodiscard]] bool is_sample() const { return type == PartType::kValues || type == PartType::kMessage; }
};

// Takes a datagram apart from its front.
class PartReader {
 public:
  explicit PartReader(Bytes datagram) : reader_(datagram) {}

  // False at the end, and at the first part whose length cannot be: fault() then says why.
  [[nodiscard]] bool next(Part& part);
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  ByteReader reader_;
  std::string_view fault_;
};

// What is wrong with a part by itself; empty when it is as it has to be, or of a type that means nothing.
[[nodiscard]] std::string_view check_part(const Part& part);

// A body of text that check_part() has passed.
[[nodiscard]] std::string_view text_of(Bytes body);

enum class Severity : std::uint8_t { kFailure = 1, kWarning = 2, kOkay = 4 };

// What holds for a sample. Empty and 0: nobody has said.
struct State {
  std::string_view host;
  std::string_view plugin;
  std::string_view plugin_instance;
  std::string_view type;
  std::string_view type_instance;
  std::uint64_t time = 0;      // since 1970-01-01 UTC, in 2^-30 seconds
  std::uint64_t interval = 0;  // in 2^-30 seconds
  std::optional<Severity> severity;

  // From a part that check_part() has passed.
  void take(const Part& part);

  // Whether this is enough for a sample; collectd drops what has less.
  [[nodiscard]] bool suffices_for(PartType sample) const;
};

struct Sample {
  State state;
  Part part;
};

// The sample that begins at `start`, in a datagram whose parts check_part() has passed.
[[nodiscard]] Sample sample_at(Bytes datagram, const std::byte* start);

enum class ValueKind : std::uint8_t { kCounter = 0, kGauge = 1, kDerive = 2, kAbsolute = 3 };

// Walks a body of values that check_part() has passed.
class ValueReader {
 public:
  explicit ValueReader(Bytes body);

  [[nodiscard]] bool next();
  [[nodiscard]] ValueKind kind() const { return kind_; }
  [[nodiscard]] double gauge() const;
  [[nodiscard]] std::int64_t derive() const { return static_cast<std::int64_t>(bits_); }
  [[nodiscard]] std::uint64_t count() const { return bits_; }  // of a counter or an absolute

 private:
  ByteReader kinds_;
  ByteReader values_;
  ValueKind kind_{};
  std::uint64_t bits_ = 0;
};

struct Signature {
  Bytes mac;
  std::string_view user;
  Bytes signed_bytes;  // the user, and all that follows the part
};

// With which the datagram begins; none when it does not, or its length cannot be.
[[nodiscard]] std::optional<Signature> signature_of(Bytes datagram);

// The host that the first kHostWithin parts claim: no check beyond lengths. Empty when there is none.
[[nodiscard]] std::string_view peek_host(Bytes datagram);

}  // namespace ingest::collectd
