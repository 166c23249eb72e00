// Teltonika data over UDP: constants, the shape of the codecs 8, 8E and 16, and the building of datagrams for the
// simulator and the tests. Integers are big-endian.
//
//   datagram: length(2, of what follows)  packet id(2)  01  AVL packet id(1)  000F  IMEI(15 digits)
//             codec id(1)  number of records(1)  records  number of records(1)
//   answer:   0005  packet id(2)  01  AVL packet id(1)  number of records(1)
//
// Pure, never throws on bad input; views point into the given bytes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ingest/byte_reader.h"

namespace ingest::teltonika {

inline constexpr std::size_t kImeiSize = 15;
inline constexpr std::size_t kImeiLengthOffset = 6;
inline constexpr std::size_t kImeiOffset = 8;
inline constexpr std::size_t kHeaderSize = 23;  // to the end of the IMEI
inline constexpr std::size_t kAckSize = 7;

// Devices send at most 1280 bytes of records.
inline constexpr std::size_t kMaxDatagramSize = 2048;

// What a datagram that is one raw message starts with instead of the length.
inline constexpr std::uint32_t kRawPreamble = 0;

enum class CodecId : std::uint8_t {
  k8 = 0x08,
  k8Extended = 0x8E,
  k16 = 0x10,
  k12 = 0x0C,  // from here on: messages, see teltonika_message.h
  k13 = 0x0D,
  k14 = 0x0E,
  k15 = 0x0F,
};

// Why the codec refuses. Prometheus label values.
namespace reason {
inline constexpr std::string_view kTooShort = "too_short";
inline constexpr std::string_view kLengthMismatch = "length_mismatch";
inline constexpr std::string_view kImeiLength = "imei_length";
inline constexpr std::string_view kImeiDigits = "imei_digits";
inline constexpr std::string_view kUnknownCodec = "unknown_codec";
inline constexpr std::string_view kNoRecords = "no_records";
inline constexpr std::string_view kRecordOverrun = "record_overrun";
inline constexpr std::string_view kIoTotal = "io_total";
inline constexpr std::string_view kTrailingBytes = "trailing_bytes";
inline constexpr std::string_view kCountMismatch = "count_mismatch";
inline constexpr std::string_view kMessageForm = "message_form";
inline constexpr std::string_view kMessageType = "message_type";
inline constexpr std::string_view kCrcMismatch = "crc_mismatch";

inline constexpr std::array kAll = {
    kTooShort, kLengthMismatch, kImeiLength,    kImeiDigits,  kUnknownCodec, kNoRecords,   kRecordOverrun,
    kIoTotal,  kTrailingBytes,  kCountMismatch, kMessageForm, kMessageType,  kCrcMismatch,
};
}  // namespace reason

// Where the three data codecs differ.
struct Layout {
  std::size_t id_size;     // event id and ids of IO elements
  std::size_t count_size;  // numbers of IO elements
  bool has_generation;     // a byte that says what caused the record
  bool has_variable;       // a fifth group, of elements with a length
};

// None when the codec is not one of data.
[[nodiscard]] std::optional<Layout> layout_of(CodecId codec);

// The fixed part of a record, as on the wire.
struct Gps {
  std::uint64_t timestamp_ms = 0;  // since 1970-01-01 UTC
  std::uint8_t priority = 0;       // 0 low, 1 high, 2 panic
  std::int32_t longitude = 0;      // degrees x 10^7
  std::int32_t latitude = 0;       // degrees x 10^7
  std::int16_t altitude = 0;       // metres
  std::uint16_t angle = 0;         // degrees from north
  std::uint8_t satellites = 0;     // 0: the position is not valid
  std::uint16_t speed = 0;         // km/h
};

[[nodiscard]] Gps read_gps(ByteReader& reader);

// A value of 1, 2, 4 or 8 bytes is a number; in the group of variable length it is what it is.
struct IoElement {
  std::uint16_t id = 0;
  Bytes value;
  bool variable = false;
};

// Walks the IO part of a record from the front of `reader`: heading on construction, then element by element.
class IoReader {
 public:
  IoReader(ByteReader& reader, const Layout& layout);

  [[nodiscard]] std::uint16_t event() const { return event_; }
  [[nodiscard]] std::uint8_t generation() const { return generation_; }

  // False after the last element, and when the bytes run out (the reader is then no longer ok()).
  [[nodiscard]] bool next(IoElement& element);

  // After the last element: whether the announced total is the number of elements.
  [[nodiscard]] bool total_is_right() const { return seen_ == total_; }

 private:
  bool next_group();

  ByteReader& reader_;
  Layout layout_;
  std::uint16_t event_ = 0;
  std::uint8_t generation_ = 0;
  std::size_t total_ = 0;
  std::size_t seen_ = 0;
  std::size_t groups_begun_ = 0;
  std::size_t left_in_group_ = 0;
};

// A record to be built. `width` is 1, 2, 4 or 8.
struct NumberElement {
  std::uint16_t id = 0;
  std::size_t width = 1;
  std::uint64_t value = 0;
};
struct VariableElement {
  std::uint16_t id = 0;
  Bytes value;
};
struct RecordSpec {
  Gps gps;
  std::uint16_t event = 0;
  std::uint8_t generation = 0;              // written by codec 16 only
  std::span<const NumberElement> numbers;   // written in the order of their widths
  std::span<const VariableElement> others;  // written by codec 8E only
};
struct DatagramSpec {
  std::uint16_t packet_id = 0xCAFE;
  std::uint8_t avl_packet_id = 0;
  std::string_view imei;
  CodecId codec = CodecId::k8;
  std::span<const RecordSpec> records;  // 1 to 255
};

[[nodiscard]] bool is_imei(std::string_view text);

// Replaces `out` by the datagram. Everything must fit its field (ids and counts of codec 8 have one byte).
void build_datagram(const DatagramSpec& spec, std::vector<std::byte>& out);

// The collector's answer, as a device reads it. None when the bytes are not one.
struct AckFields {
  std::uint16_t packet_id = 0;
  std::uint8_t avl_packet_id = 0;
  std::uint8_t accepted = 0;
};
[[nodiscard]] std::optional<AckFields> parse_ack(Bytes datagram);

}  // namespace ingest::teltonika
