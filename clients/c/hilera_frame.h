/* hilera_frame.h: the native frame of Hilera for devices, in C99 without any dependency.
 *
 * Builds data frames and answers, and checks what a collector sends, all with tags. ingest/NATIVE_FRAME.md describes
 * the frame, clients/vectors.txt has examples to test other implementations with.
 *
 * A device keeps its epoch in memory that survives a restart, adds one to it at each start before it sends anything, and
 * numbers its frames from 1 in each epoch. A frame that is not answered is sent again with the same bytes.
 *
 *   hilera_device device = {"SN-0001", 3, key, epoch};
 *   uint8_t frame[HILERA_MAX_DATAGRAM];
 *   hilera_items items;
 *   hilera_begin(&items, frame, sizeof frame, &device, ++sequence, time_ms, HILERA_ACK_WANTED);
 *   hilera_put_f32(&items, 1, 21.5f);
 *   hilera_put_u32(&items, 3, pulses);
 *   size_t size = hilera_end(&items, &device);            // 0: it did not fit
 *   ... send frame, wait ...
 *   hilera_message message;
 *   if (hilera_read(&message, &device, datagram, received) && message.kind == HILERA_ANSWER &&
 *       message.sequence == sequence) { ... message.status ... }
 *
 * Nothing here allocates, blocks, or keeps state. All functions are static inline; the stack they need is below 600
 * bytes. Not for messages above 64 KiB.
 */

#ifndef HILERA_FRAME_H
#define HILERA_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HILERA_KEY_SIZE 32
#define HILERA_TAG_SIZE 16
#define HILERA_MAX_SERIAL 32
#define HILERA_MAX_DATAGRAM 1472

enum {
  HILERA_ACK_WANTED = 0x01,
  HILERA_DOWN = 0x02,
  HILERA_ANSWER_FLAG = 0x08,
  HILERA_NOT_NOW = 0x10,
  HILERA_TAGGED = 0x20
};

/* What an answer says. */
enum { HILERA_STORED = 0, HILERA_DUPLICATE = 1, HILERA_REFUSED = 2 };

/* ---- BLAKE2b (RFC 7693), keyed ------------------------------------------------------------------------------------ */

typedef struct {
  uint64_t h[8];
  uint64_t length;
  uint8_t block[128];
  size_t used;
} hilera_blake2b;

static inline uint64_t hilera_rotate(uint64_t x, unsigned n) {
  return x >> n | x << (64 - n);
}

static inline uint64_t hilera_load(const uint8_t *from) {
  uint64_t value = 0;
  int i;
  for (i = 7; i >= 0; --i) value = value << 8 | from[i];
  return value;
}

static inline void hilera_blake2b_mix(uint64_t *v, unsigned a, unsigned b, unsigned c, unsigned d, uint64_t x,
                                      uint64_t y) {
  v[a] = v[a] + v[b] + x;
  v[d] = hilera_rotate(v[d] ^ v[a], 32);
  v[c] = v[c] + v[d];
  v[b] = hilera_rotate(v[b] ^ v[c], 24);
  v[a] = v[a] + v[b] + y;
  v[d] = hilera_rotate(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = hilera_rotate(v[b] ^ v[c], 63);
}

static inline const uint64_t *hilera_blake2b_start(void) {
  static const uint64_t start[8] = {0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
                                    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u};
  return start;
}

static inline void hilera_blake2b_compress(hilera_blake2b *state, int last) {
  static const uint8_t order[10][16] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
      {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
      {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
      {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
      {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
  const uint64_t *start = hilera_blake2b_start();
  uint64_t v[16], m[16];
  unsigned i;
  for (i = 0; i < 16; ++i) m[i] = hilera_load(state->block + 8 * i);
  for (i = 0; i < 8; ++i) {
    v[i] = state->h[i];
    v[i + 8] = start[i];
  }
  v[12] ^= state->length;
  if (last) v[14] = ~v[14];
  for (i = 0; i < 12; ++i) {
    const uint8_t *s = order[i % 10];
    hilera_blake2b_mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    hilera_blake2b_mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    hilera_blake2b_mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    hilera_blake2b_mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    hilera_blake2b_mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    hilera_blake2b_mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    hilera_blake2b_mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    hilera_blake2b_mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
  for (i = 0; i < 8; ++i) state->h[i] ^= v[i] ^ v[i + 8];
}

/* BLAKE2b of 16 bytes of `size` bytes, keyed. */
static inline void hilera_tag(uint8_t tag[HILERA_TAG_SIZE], const uint8_t *bytes, size_t size,
                              const uint8_t key[HILERA_KEY_SIZE]) {
  hilera_blake2b state;
  size_t i;
  memcpy(state.h, hilera_blake2b_start(), sizeof state.h);
  state.h[0] ^= 0x01010000u ^ (uint64_t)HILERA_KEY_SIZE << 8 ^ HILERA_TAG_SIZE;
  memset(state.block, 0, sizeof state.block);
  memcpy(state.block, key, HILERA_KEY_SIZE);
  state.length = sizeof state.block;
  while (size > 0) {
    const size_t part = size < sizeof state.block ? size : sizeof state.block;
    hilera_blake2b_compress(&state, 0);
    memset(state.block, 0, sizeof state.block);
    memcpy(state.block, bytes, part);
    state.length += part;
    bytes += part;
    size -= part;
  }
  hilera_blake2b_compress(&state, 1);
  for (i = 0; i < HILERA_TAG_SIZE; ++i) tag[i] = (uint8_t)(state.h[i / 8] >> 8 * (i % 8));
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *serial; /* 1 to 32 of A-Z a-z 0-9 . _ - */
  uint8_t key_id;
  const uint8_t *key; /* HILERA_KEY_SIZE bytes */
  uint32_t epoch;
} hilera_device;

/* A frame that is being built. */
typedef struct {
  uint8_t *bytes;
  size_t room;
  size_t size;
  size_t length_at; /* where the length of the payload stands */
  int ok;
} hilera_items;

static inline void hilera_put(hilera_items *items, const void *bytes, size_t size) {
  if (!items->ok || size > items->room - items->size) {
    items->ok = 0;
    return;
  }
  if (size > 0) memcpy(items->bytes + items->size, bytes, size);
  items->size += size;
}

static inline void hilera_put_number(hilera_items *items, uint64_t value, unsigned width) {
  uint8_t bytes[8];
  unsigned i;
  for (i = 0; i < width; ++i) bytes[i] = (uint8_t)(value >> 8 * (width - 1 - i));
  hilera_put(items, bytes, width);
}

static inline void hilera_begin_as(hilera_items *items, uint8_t *out, size_t room, const hilera_device *device,
                                   uint32_t epoch, uint32_t sequence, uint64_t time_ms, uint8_t flags) {
  const size_t serial = strlen(device->serial);
  items->bytes = out;
  items->room = room < HILERA_MAX_DATAGRAM ? room : HILERA_MAX_DATAGRAM;
  items->size = 0;
  items->ok = serial >= 1 && serial <= HILERA_MAX_SERIAL;
  hilera_put(items, "NF\1", 3);
  hilera_put_number(items, (uint64_t)(flags | HILERA_TAGGED), 1);
  hilera_put_number(items, device->key_id, 1);
  hilera_put_number(items, serial, 1);
  hilera_put(items, device->serial, serial);
  hilera_put_number(items, epoch, 4);
  hilera_put_number(items, sequence, 4);
  hilera_put_number(items, time_ms, 8);
  items->length_at = items->size;
  hilera_put_number(items, 0, 2);
}

/* Begins a data frame. `time_ms`: since 1970, 0 without a clock. `flags`: HILERA_ACK_WANTED or 0. */
static inline void hilera_begin(hilera_items *items, uint8_t *out, size_t room, const hilera_device *device,
                                uint32_t sequence, uint64_t time_ms, uint8_t flags) {
  hilera_begin_as(items, out, room, device, device->epoch, sequence, time_ms, flags);
}

/* Items: ids ascend from one to the next. */
static inline void hilera_put_item(hilera_items *items, uint16_t id, uint8_t type, uint64_t value) {
  hilera_put_number(items, id, 2);
  hilera_put_number(items, type, 1);
  hilera_put_number(items, value, type & 0x0Fu);
}
static inline void hilera_put_bool(hilera_items *items, uint16_t id, int value) {
  hilera_put_item(items, id, 0x01, value != 0);
}
static inline void hilera_put_u8(hilera_items *items, uint16_t id, uint8_t value) {
  hilera_put_item(items, id, 0x11, value);
}
static inline void hilera_put_u16(hilera_items *items, uint16_t id, uint16_t value) {
  hilera_put_item(items, id, 0x12, value);
}
static inline void hilera_put_u32(hilera_items *items, uint16_t id, uint32_t value) {
  hilera_put_item(items, id, 0x14, value);
}
static inline void hilera_put_u64(hilera_items *items, uint16_t id, uint64_t value) {
  hilera_put_item(items, id, 0x18, value);
}
static inline void hilera_put_i8(hilera_items *items, uint16_t id, int8_t value) {
  hilera_put_item(items, id, 0x21, (uint8_t)value);
}
static inline void hilera_put_i16(hilera_items *items, uint16_t id, int16_t value) {
  hilera_put_item(items, id, 0x22, (uint16_t)value);
}
static inline void hilera_put_i32(hilera_items *items, uint16_t id, int32_t value) {
  hilera_put_item(items, id, 0x24, (uint32_t)value);
}
static inline void hilera_put_i64(hilera_items *items, uint16_t id, int64_t value) {
  hilera_put_item(items, id, 0x28, (uint64_t)value);
}
/* For machines with IEEE 754 floating point. */
static inline void hilera_put_f32(hilera_items *items, uint16_t id, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  hilera_put_item(items, id, 0x34, bits);
}
static inline void hilera_put_f64(hilera_items *items, uint16_t id, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  hilera_put_item(items, id, 0x38, bits);
}
static inline void hilera_put_sized(hilera_items *items, uint16_t id, uint8_t type, const void *bytes, size_t size) {
  if (size > 0xFFFF) items->ok = 0;
  hilera_put_number(items, id, 2);
  hilera_put_number(items, type, 1);
  hilera_put_number(items, size, 2);
  hilera_put(items, bytes, size);
}
/* UTF-8. */
static inline void hilera_put_text(hilera_items *items, uint16_t id, const char *text) {
  hilera_put_sized(items, id, 0x40, text, strlen(text));
}
static inline void hilera_put_bytes(hilera_items *items, uint16_t id, const void *bytes, size_t size) {
  hilera_put_sized(items, id, 0x50, bytes, size);
}

/* The size of the whole datagram; 0 when it did not fit, or the serial is none. */
static inline size_t hilera_end(hilera_items *items, const hilera_device *device) {
  uint8_t tag[HILERA_TAG_SIZE];
  const size_t payload = items->ok ? items->size - items->length_at - 2 : 0;
  if (!items->ok) return 0;
  items->bytes[items->length_at] = (uint8_t)(payload >> 8);
  items->bytes[items->length_at + 1] = (uint8_t)payload;
  hilera_tag(tag, items->bytes, items->size, device->key);
  hilera_put(items, tag, sizeof tag);
  return items->ok ? items->size : 0;
}

/* ---- what a collector sends --------------------------------------------------------------------------------------- */

typedef enum { HILERA_ANSWER, HILERA_DOWNLINK } hilera_kind;

typedef struct {
  hilera_kind kind;
  uint32_t epoch; /* of an answer: those of the frame; of a downlink: the two halves of its number */
  uint32_t sequence;
  uint8_t status;         /* of an answer */
  const uint8_t *payload; /* of a downlink: a list of items, as in NATIVE_FRAME.md */
  size_t payload_size;
} hilera_message;

/* 1 when `datagram` is an answer or a downlink of the collector to this device, with the right tag; else 0, and it is to
 * be ignored. So is an answer to a frame of another epoch: its number is not that of the frame that waits for it. */
static inline int hilera_read(hilera_message *message, const hilera_device *device, const uint8_t *datagram,
                              size_t size) {
  const size_t serial = strlen(device->serial);
  const size_t head = 6 + serial + 18;
  uint8_t tag[HILERA_TAG_SIZE], difference = 0;
  const uint8_t *body;
  size_t payload, i;
  uint8_t flags;
  if (size < head + HILERA_TAG_SIZE || memcmp(datagram, "NF\1", 3) != 0) return 0;
  flags = datagram[3];
  if (datagram[4] != device->key_id || datagram[5] != serial) return 0;
  if (memcmp(datagram + 6, device->serial, serial) != 0) return 0;
  body = datagram + 6 + serial;
  payload = (size_t)body[16] << 8 | body[17];
  if (size != head + payload + HILERA_TAG_SIZE) return 0;
  hilera_tag(tag, datagram, size - HILERA_TAG_SIZE, device->key);
  for (i = 0; i < HILERA_TAG_SIZE; ++i) difference |= (uint8_t)(tag[i] ^ datagram[size - HILERA_TAG_SIZE + i]);
  if (difference != 0) return 0;
  message->epoch = (uint32_t)body[0] << 24 | (uint32_t)body[1] << 16 | (uint32_t)body[2] << 8 | body[3];
  message->sequence = (uint32_t)body[4] << 24 | (uint32_t)body[5] << 16 | (uint32_t)body[6] << 8 | body[7];
  message->payload = body + 18;
  message->payload_size = payload;
  message->status = payload > 0 ? body[18] : 0;
  if (flags == (HILERA_TAGGED | HILERA_DOWN | HILERA_ANSWER_FLAG) && payload == 1) {
    message->kind = HILERA_ANSWER;
    return message->epoch == device->epoch;
  }
  if (flags == (HILERA_TAGGED | HILERA_DOWN | HILERA_ACK_WANTED) && payload > 0) {
    message->kind = HILERA_DOWNLINK;
    return 1;
  }
  return 0;
}

/* The answer to a downlink: done (HILERA_STORED), done before (HILERA_DUPLICATE), or refused for ever
 * (HILERA_REFUSED). Answer a repetition again: its answer may have been lost. Returns the size, 0 when it does not fit.
 */
static inline size_t hilera_answer(uint8_t *out, size_t room, const hilera_device *device,
                                   const hilera_message *downlink, uint8_t status) {
  hilera_items items;
  hilera_begin_as(&items, out, room, device, downlink->epoch, downlink->sequence, 0, HILERA_ANSWER_FLAG);
  hilera_put_number(&items, status, 1);
  return hilera_end(&items, device);
}

/* "Not now, send it again later." */
static inline size_t hilera_answer_not_now(uint8_t *out, size_t room, const hilera_device *device,
                                           const hilera_message *downlink) {
  hilera_items items;
  hilera_begin_as(&items, out, room, device, downlink->epoch, downlink->sequence, 0, HILERA_NOT_NOW);
  hilera_put_number(&items, HILERA_STORED, 1);
  return hilera_end(&items, device);
}

/* The downlinks that were carried out last. A collector sends one again until it hears the answer: who carries it out
 * must remember that. Zero it at first, and keep it over restarts if carrying out twice does harm. */
typedef struct {
  uint64_t numbers[32];
  unsigned next;
} hilera_done;

static inline int hilera_was_done(const hilera_done *done, const hilera_message *downlink) {
  const uint64_t number = (uint64_t)downlink->epoch << 32 | downlink->sequence;
  unsigned i;
  for (i = 0; i < 32; ++i)
    if (done->numbers[i] == number && number != 0) return 1;
  return 0;
}

static inline void hilera_note_done(hilera_done *done, const hilera_message *downlink) {
  done->numbers[done->next % 32] = (uint64_t)downlink->epoch << 32 | downlink->sequence;
  done->next = (done->next + 1) % 32;
}

#ifdef __cplusplus
}
#endif

#endif
