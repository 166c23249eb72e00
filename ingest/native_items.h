// The payload of a native frame: a list of typed values with numbers for names. NATIVE_FRAME.md is its description.
//
// The numbers (ids) strictly ascend, so that one content has one encoding and no id stands twice. Pure, never throws on
// bad input; views point into the given bytes.

#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ingest/byte_reader.h"
#include "ingest/byte_writer.h"
#include "ingest/json_writer.h"

namespace ingest::native {

// High half: the kind. Low half: the width in bytes, 0 where a length of two bytes says it.
enum class ItemType : std::uint8_t {
  kBool = 0x01,
  kU8 = 0x11,
  kU16 = 0x12,
  kU32 = 0x14,
  kU64 = 0x18,
  kI8 = 0x21,
  kI16 = 0x22,
  kI32 = 0x24,
  kI64 = 0x28,
  kF32 = 0x34,
  kF64 = 0x38,
  kText = 0x40,  // UTF-8
  kBlob = 0x50,
};

struct Item {
  std::uint16_t id = 0;
  ItemType type = ItemType::kBool;
  Bytes value;
};

// Walks a payload and checks each item on the way.
class ItemReader {
 public:
  explicit ItemReader(Bytes payload) : reader_(payload) {}

  // The next item. False at the end, and when what follows is not an item: fault() then says why.
  [[nodiscard]] bool next(Item& item);
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  bool fail(std::string_view why);

  ByteReader reader_;
  int last_id_ = -1;
  std::string_view fault_;
};

// Empty when the payload is a list of at least one item, else the reason.
[[nodiscard]] std::string_view check_items(Bytes payload);

// Writes an item that ItemReader returned as a member of the object that is open in `json`. Blobs become hex text.
void write_item(const Item& item, JsonWriter& json);

// Appends items to a payload that the caller owns. Ids must ascend; text must be UTF-8; text and blobs have at most
// 65535 bytes.
class ItemWriter {
 public:
  explicit ItemWriter(std::vector<std::byte>& payload) : writer_(payload) {}

  void add_bool(std::uint16_t id, bool value);
  void add_float(std::uint16_t id, float value);
  void add_double(std::uint16_t id, double value);
  void add_text(std::uint16_t id, std::string_view value);
  void add_blob(std::uint16_t id, Bytes value);

  // Of the type that has the sign and the width of T.
  template <std::integral T>
  requires(!std::same_as<T, bool>) void add_integer(std::uint16_t id, T value) {
    const unsigned kind = std::signed_integral<T> ? 0x20 : 0x10;
    begin(id, static_cast<ItemType>(kind | sizeof(T)));
    writer_.write(value);
  }

 private:
  void begin(std::uint16_t id, ItemType type);

  ByteWriter writer_;
};

}  // namespace ingest::native
