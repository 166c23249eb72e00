// The client header as a device's program uses it: compiled as C99, called from the tests in C++.

#pragma once

#include "clients/c/hilera_frame.h"

#ifdef __cplusplus
extern "C" {
#endif

// One item of each type, as in the vector data-every-type.
size_t client_every_type(uint8_t *out, size_t room, const hilera_device *device, uint32_t sequence);
// `count` items of 8 bytes: i*i with id i.
size_t client_squares(uint8_t *out, size_t room, const hilera_device *device, uint32_t sequence, uint64_t time_ms,
                      unsigned count);
void client_tag(uint8_t *tag, const uint8_t *bytes, size_t size, const uint8_t *key);
int client_read(hilera_message *message, const hilera_device *device, const uint8_t *datagram, size_t size);
size_t client_answer(uint8_t *out, size_t room, const hilera_device *device, const hilera_message *downlink,
                     uint8_t status);
size_t client_not_now(uint8_t *out, size_t room, const hilera_device *device, const hilera_message *downlink);
int client_was_done(const hilera_done *done, const hilera_message *downlink);
void client_note_done(hilera_done *done, const hilera_message *downlink);

#ifdef __cplusplus
}
#endif
