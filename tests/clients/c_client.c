#include "tests/clients/c_client.h"

size_t client_every_type(uint8_t *out, size_t room, const hilera_device *device, uint32_t sequence) {
  static const uint8_t blob[] = {0, 1, 0xFF};
  hilera_items items;
  hilera_begin(&items, out, room, device, sequence, 0, 0);
  hilera_put_bool(&items, 1, 7);
  hilera_put_u8(&items, 2, 0xFF);
  hilera_put_u16(&items, 3, 0xFFFF);
  hilera_put_u32(&items, 4, 0xFFFFFFFF);
  hilera_put_u64(&items, 5, 0xFFFFFFFFFFFFFFFF);
  hilera_put_i32(&items, 6, -2);
  hilera_put_i64(&items, 7, -3);
  hilera_put_f32(&items, 8, 21.5f);
  hilera_put_f64(&items, 9, -0.25);
  hilera_put_text(&items, 10, "se\xC3\xB1" "al");
  hilera_put_bytes(&items, 11, blob, sizeof blob);
  hilera_put_i8(&items, 12, -4);
  hilera_put_i16(&items, 13, -5);
  return hilera_end(&items, device);
}

size_t client_squares(uint8_t *out, size_t room, const hilera_device *device, uint32_t sequence, uint64_t time_ms,
                      unsigned count) {
  hilera_items items;
  unsigned i;
  hilera_begin(&items, out, room, device, sequence, time_ms, HILERA_ACK_WANTED);
  for (i = 1; i <= count; ++i) hilera_put_u64(&items, (uint16_t)i, (uint64_t)i * i);
  return hilera_end(&items, device);
}

void client_tag(uint8_t *tag, const uint8_t *bytes, size_t size, const uint8_t *key) {
  hilera_tag(tag, bytes, size, key);
}

int client_read(hilera_message *message, const hilera_device *device, const uint8_t *datagram, size_t size) {
  return hilera_read(message, device, datagram, size);
}

size_t client_answer(uint8_t *out, size_t room, const hilera_device *device, const hilera_message *downlink,
                     uint8_t status) {
  return hilera_answer(out, room, device, downlink, status);
}

size_t client_not_now(uint8_t *out, size_t room, const hilera_device *device, const hilera_message *downlink) {
  return hilera_answer_not_now(out, room, device, downlink);
}

int client_was_done(const hilera_done *done, const hilera_message *downlink) {
  return hilera_was_done(done, downlink);
}

void client_note_done(hilera_done *done, const hilera_message *downlink) {
  hilera_note_done(done, downlink);
}
