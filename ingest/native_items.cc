#include "ingest/native_items.h"

#include <bit>
#include <cassert>

#include "ingest/native_frame.h"
#include "ingest/utf8.h"

namespace ingest::native {
namespace {

bool is_item_type(ItemType type) {
  switch (type) {
    case ItemType::kBool:
    case ItemType::kU8:
    case ItemType::kU16:
    case ItemType::kU32:
    case ItemType::kU64:
    case ItemType::kI8:
    case ItemType::kI16:
    case ItemType::kI32:
    case ItemType::kI64:
    case ItemType::kF32:
    case ItemType::kF64:
    case ItemType::kText:
    case ItemType::kBlob:
      return true;
  }
  return false;
}

std::size_t width_of(ItemType type) {
  return static_cast<std::uint8_t>(type) & 0x0F;
}

}  // namespace

bool ItemReader::fail(std::string_view why) {
  fault_ = why;
  return false;
}

bool ItemReader::next(Item& item) {
  if (!fault_.empty() || reader_.remaining() == 0) return false;
  item.id = reader_.read<std::uint16_t>();
  item.type = static_cast<ItemType>(reader_.read<std::uint8_t>());
  if (!reader_.ok()) return fail(reason::kItemTruncated);
  if (!is_item_type(item.type)) return fail(reason::kItemType);
  if (item.id <= last_id_) return fail(reason::kItemOrder);
  last_id_ = item.id;

  std::size_t size = width_of(item.type);
  if (size == 0) size = reader_.read<std::uint16_t>();
  item.value = reader_.take(size);
  if (!reader_.ok()) return fail(reason::kItemTruncated);
  if (item.type == ItemType::kBool && item.value[0] > std::byte{1}) return fail(reason::kItemValue);
  if (item.type == ItemType::kText && !is_utf8(as_text(item.value))) return fail(reason::kTextUtf8);
  return true;
}

std::string_view check_items(Bytes payload) {
  if (payload.empty()) return reason::kEmptyPayload;
  ItemReader items(payload);
  Item item;
  while (items.next(item)) {
  }
  return items.fault();
}

void write_item(const Item& item, JsonWriter& json) {
  ByteReader value(item.value);
  json.key(std::uint64_t{item.id});
  switch (item.type) {
    case ItemType::kBool:
      return json.boolean(value.read<std::uint8_t>() != 0);
    case ItemType::kU8:
    case ItemType::kU16:
    case ItemType::kU32:
    case ItemType::kU64:
      return json.number(value.read_unsigned(item.value.size()));
    case ItemType::kI8:
      return json.number(value.read<std::int8_t>());
    case ItemType::kI16:
      return json.number(value.read<std::int16_t>());
    case ItemType::kI32:
      return json.number(value.read<std::int32_t>());
    case ItemType::kI64:
      return json.number(value.read<std::int64_t>());
    case ItemType::kF32:
      return json.number(value.read_float());
    case ItemType::kF64:
      return json.number(value.read_double());
    case ItemType::kText:
      return json.text(as_text(item.value));
    case ItemType::kBlob:
      return json.hex(item.value);
  }
}

void ItemWriter::add_bool(std::uint16_t id, bool value) {
  begin(id, ItemType::kBool);
  writer_.write(static_cast<std::uint8_t>(value));
}

void ItemWriter::add_float(std::uint16_t id, float value) {
  begin(id, ItemType::kF32);
  writer_.write(std::bit_cast<std::uint32_t>(value));
}

void ItemWriter::add_double(std::uint16_t id, double value) {
  begin(id, ItemType::kF64);
  writer_.write(std::bit_cast<std::uint64_t>(value));
}

void ItemWriter::add_text(std::uint16_t id, std::string_view value) {
  assert(value.size() <= 0xFFFF);
  begin(id, ItemType::kText);
  writer_.write(static_cast<std::uint16_t>(value.size()));
  writer_.write_text(value);
}

void ItemWriter::add_blob(std::uint16_t id, Bytes value) {
  assert(value.size() <= 0xFFFF);
  begin(id, ItemType::kBlob);
  writer_.write(static_cast<std::uint16_t>(value.size()));
  writer_.write_bytes(value);
}

void ItemWriter::begin(std::uint16_t id, ItemType type) {
  writer_.write(id);
  writer_.write(static_cast<std::uint8_t>(type));
}

}  // namespace ingest::native
