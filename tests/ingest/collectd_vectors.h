// Datagrams of collectd as hex text, and parts to put others together.

#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/ingest/hex.h"

namespace ingest::testing {

// Published with logstash-codec-collectd: one gauge of plugin ping, NaN.
inline constexpr std::string_view kCollectdUnsigned =
    "00000015746573742e6578616d706c652e636f6d000008000c14dc4c81831ef78b0009000c00000000400000000002000970696e67000004"
    "000970696e67000005001c70696e672d7461726765742e6578616d706c652e636f6d000006000f000101000000000000f87f";

// Signed by user dev-0001 with password s3cr3t: a temperature of 21.5.
inline constexpr std::string_view kCollectdSigned =
    "0200002c9aed39582df6bf99f8a7167f9f37415b89bdfb117eda3cc1739a3f3c0f8f8ceb6465762d303030310000000d6465762d30303031"
    "000008000c1954fc40000000000009000c00000002800000000002000c73656e736f7273000004001074656d7065726174757265000006000f"
    "0001010000000000803540";

// In the order in which collectd writes the parts of a notification: time and severity before the host.
inline constexpr std::string_view kCollectdNotification =
    "0008000c1954fc4000000000"
    "0101000c0000000000000002"
    "0000000d6465762d3030303100"
    "0002000864697300"
    "0100000966756c6c00";

inline std::string hex_of_number(std::uint64_t number, unsigned bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned shift = 8 * bytes; shift > 0; shift -= 4)
    text += kDigits[number >> (shift - 4) & 0xF];
  return text;
}

inline std::string part(unsigned type, std::string_view body_hex) {
  return hex_of_number(type, 2) + hex_of_number(4 + from_hex(body_hex).size(), 2) + std::string(body_hex);
}

inline std::string text_part(unsigned type, std::string_view text) {
  std::string body;
  for (const char c : text)
    body += hex_of_number(static_cast<unsigned char>(c), 1);
  return part(type, body + "00");
}

inline std::string number_part(unsigned type, std::uint64_t number) {
  return part(type, hex_of_number(number, 8));
}

inline std::string host_part(std::string_view host) {
  return text_part(0x0000, host);
}

// What every sample needs: host h, time 1700000000, plugin p, type t.
inline std::string begun() {
  return host_part("h") + number_part(0x0001, 1'700'000'000) + text_part(0x0002, "p") + text_part(0x0004, "t");
}

inline std::string gauge_part(double value) {
  return part(0x0006, "000101" + hex_of_number(__builtin_bswap64(std::bit_cast<std::uint64_t>(value)), 8));
}

}  // namespace ingest::testing
