// Whether MariaDB takes the rows that a datagram's records become: each value against its column in config/schema.sql,
// by the rules of STRICT_ALL_TABLES, and `fields` by those of JSON_VALID.

#pragma once

#include "ingest/codec.h"

namespace fuzz {

// Of a datagram that proves as much as `level` says. Aborts at the first value that would be refused.
void check_rows(const ingest::Codec& codec, ingest::Bytes bytes, ingest::AuthLevel level);

}  // namespace fuzz
