// Targets native, collectd, semtech, teltonika: a datagram, through all that is done with it between the socket and the
// database.

#include <sodium.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ingest/codec.h"
#include "ingest/collectd_parts.h"
#include "ingest/frame_id.h"
#include "ingest/keyed_hash.h"
#include "ingest/native_frame.h"
#include "ingest/semtech_frame.h"
#include "ingest/trust.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/row_check.h"

namespace {

using fuzz::Bytes;
using fuzz::check;
using ingest::Codec;
using ingest::Decoded;
using ingest::Verdict;

bool lies_within(Bytes part, Bytes whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

bool same_place(Bytes a, Bytes b) {
  return a.data() == b.data() && a.size() == b.size();
}

void check_refusal(const Codec& codec, const Decoded& decoded) {
  check(std::ranges::count(codec.reject_reasons(), decoded.reason) == 1, "a refusal has a reason that is counted");
  check(decoded.records.empty() && decoded.nserie.empty() && !decoded.answer, "a refusal leaves nothing");
  check(!decoded.ack_wanted && !decoded.updates_path && !decoded.tagged, "a refusal has no consequence");
}

void check_serial(const Codec& codec, Bytes datagram, const Decoded& decoded) {
  const auto peeked = codec.peek_serial(datagram);
  if (decoded.nserie_storage.empty()) {
    check(peeked == decoded.nserie, "the serial is the one that was seen beforehand");
    check(decoded.nserie.empty() || lies_within(ingest::as_bytes(decoded.nserie), datagram),
          "the serial lies in the datagram");
  } else {
    check(decoded.nserie == decoded.nserie_storage, "the serial is the one that was kept");
    check(!peeked.empty(), "the serial was seen beforehand");
  }
  check(codec.hash_of(peeked) == ingest::keyed_hash(ingest::as_bytes(decoded.nserie)), "its hash was right beforehand");
}

void check_records(const Codec& codec, Bytes datagram, const Decoded& decoded) {
  check(!decoded.records.empty() && !decoded.nserie.empty(), "there are records, of a device");
  const auto later = [](const ingest::Record& a, const ingest::Record& b) { return a.device_time < b.device_time; };
  check(std::ranges::is_sorted(decoded.records, later), "records stand in the order of their time");
  std::string once;
  std::string again;
  for (const ingest::Record& record : decoded.records) {
    check(lies_within(record.bytes, datagram) && !record.bytes.empty(), "a record lies in the datagram");
    once.clear();
    again.clear();
    codec.append_fields(datagram, record, once);
    codec.append_fields(datagram, record, again);
    check(once == again, "the same record has the same fields");
  }
}

void check_ack(const Codec& codec, Bytes datagram, const Decoded& decoded) {
  for (const auto status : {ingest::AckStatus::kStored, ingest::AckStatus::kDuplicate, ingest::AckStatus::kRefused}) {
    ingest::Ack ack;
    codec.make_ack(datagram, decoded, status, nullptr, ack);
    check(ack.bytes().size() <= datagram.size(), "an answer is never longer than what it answers");
    check(ack.empty() == !decoded.ack_wanted, "who wants an answer gets one, and nobody else");
    Decoded reflected;
    codec.decode(ack.bytes(), reflected);
    check(reflected.verdict == Verdict::kRejected, "an answer that comes back is nothing");
  }
}

void check_same(const Decoded& one, const Decoded& other) {
  check(one.verdict == other.verdict && one.reason == other.reason && one.nserie == other.nserie, "decoded the same");
  check(one.ack_wanted == other.ack_wanted && one.tagged == other.tagged && one.key_id == other.key_id &&
            one.counter == other.counter && one.updates_path == other.updates_path && one.version == other.version &&
            one.auth_level == other.auth_level && one.answer.has_value() == other.answer.has_value(),
        "judged the same");
  const auto same = [](const ingest::Record& a, const ingest::Record& b) {
    return same_place(a.bytes, b.bytes) && a.device_time == b.device_time && a.frame_id == b.frame_id &&
           a.digest == b.digest;
  };
  check(std::ranges::equal(one.records, other.records, same), "the same records");
}

// Decodes into an object that was used for something else before, as the pipeline does, and checks what codec.h says.
Decoded& decode(const Codec& codec, Bytes datagram) {
  static Decoded used;
  codec.decode(datagram, used);
  Decoded fresh;
  codec.decode(datagram, fresh);
  check_same(used, fresh);
  if (used.verdict == Verdict::kRejected) {
    check_refusal(codec, used);
    return used;
  }
  check(used.reason.empty(), "only a refusal has a reason");
  check(used.auth_level == ingest::AuthLevel::kNone, "decoding proves nothing");
  check(used.verdict == Verdict::kRecords || used.records.empty(), "control carries no records");
  check_serial(codec, datagram, used);
  if (used.verdict == Verdict::kRecords) check_records(codec, datagram, used);
  check_ack(codec, datagram, used);
  fuzz::check_rows(codec, datagram, ingest::AuthLevel::kNone);
  return used;
}

// The same datagram once more with the right proof, and with a wrong one. Returns what is proved.
void check_proof(const Codec& codec, Bytes signed_datagram, std::size_t proof_offset, const ingest::KeyRing& keys) {
  std::vector<std::byte> datagram = fuzz::copy_of(signed_datagram);
  Decoded& decoded = decode(codec, datagram);
  check(decoded.tagged, "another proof leaves it what it is");
  check(codec.verify(datagram, decoded, keys).empty(), "the right proof is right");
  datagram[proof_offset] ^= std::byte{1};
  check(codec.verify(datagram, decoded, keys) == ingest::refusal::kBadTag, "a wrong proof is wrong");
  datagram[proof_offset] ^= std::byte{1};
  codec.decode(datagram, decoded);
  decoded.prove(ingest::AuthLevel::kMac);
  fuzz::check_rows(codec, datagram, ingest::AuthLevel::kMac);
  ingest::Ack ack;
  codec.make_ack(datagram, decoded, ingest::AckStatus::kStored, &keys, ack);
  check(ack.bytes().size() <= datagram.size(), "an answer with a proof is not longer either");
  check(ack.empty() == !decoded.ack_wanted, "who proves itself is answered as others are");
}

// For every device, and every number of a key.
const ingest::KeyRing& master_keys() {
  static const auto ring = [] {
    std::string text;
    for (int id = 0; id < 256; ++id)
      text += "* " + std::to_string(id) + " " + std::string(64, "0123456789abcdef"[id % 16]) + "\n";
    return ingest::KeyRing::parse(text, ingest::KeyForm::kDeviceKeys, "keys");
  }();
  return *ring;
}

void run_native(Bytes input) {
  const Codec& codec = *ingest::find_codec("native");
  if (input.size() > codec.max_datagram_size()) return;
  const auto datagram = fuzz::copy_of(input);
  ingest::native::Frame frame;
  if (ingest::native::parse_frame(datagram, frame).empty()) {
    std::vector<std::byte> built;
    ingest::native::build_frame(frame, built);
    built.insert(built.end(), frame.tag.begin(), frame.tag.end());
    check(built == datagram, "a frame that was taken apart is put together again as it was");
  }
  const Decoded& decoded = decode(codec, datagram);
  if (decoded.verdict == Verdict::kRejected || !decoded.tagged) return;
  std::vector<std::byte> tagged(datagram.begin(), datagram.end() - ingest::native::kTagSize);
  const std::size_t proof_offset = tagged.size();
  ingest::native::append_tag(tagged, *master_keys().device_key(decoded.nserie, decoded.key_id));
  check_proof(codec, tagged, proof_offset, master_keys());
}

std::shared_ptr<const ingest::KeyRing> password_of(std::string_view user, std::string_view password) {
  try {
    return ingest::KeyRing::parse(std::string(user).append(": ").append(password), ingest::KeyForm::kPasswords, "keys");
  } catch (const ingest::KeyFileError&) {
    return nullptr;  // a host may be called what a line of that file cannot say: "#1"
  }
}

void run_collectd(Bytes input) {
  constexpr std::string_view kPassword = "s3cr3t";
  const Codec& codec = *ingest::find_codec("collectd");
  if (input.size() > codec.max_datagram_size()) return;
  auto datagram = fuzz::copy_of(input);
  const Decoded& decoded = decode(codec, datagram);
  if (decoded.verdict == Verdict::kRejected || !decoded.tagged) return;
  const auto keys = password_of(decoded.nserie, kPassword);
  if (!keys || !keys->password(decoded.nserie)) return;
  const auto signature = ingest::collectd::signature_of(datagram);
  check(signature.has_value(), "what is tagged has a signature");
  crypto_auth_hmacsha256_state state;
  std::array<unsigned char, ingest::collectd::kMacSize> mac;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(kPassword.data()), kPassword.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(signature->signed_bytes.data()),
                                signature->signed_bytes.size());
  crypto_auth_hmacsha256_final(&state, mac.data());
  std::ranges::copy(std::as_bytes(std::span(mac)), datagram.begin() + ingest::collectd::kPartHeadSize);
  check_proof(codec, datagram, ingest::collectd::kPartHeadSize, *keys);
}

void run_semtech(Bytes input) {
  const Codec& codec = *ingest::find_codec("semtech");
  if (input.size() > codec.max_datagram_size()) return;
  const auto datagram = fuzz::copy_of(input);
  ingest::semtech::Frame frame;
  if (ingest::semtech::parse_frame(datagram, frame).empty()) {
    std::vector<std::byte> built;
    ingest::semtech::build_frame(frame, built);
    check(built == datagram, "a frame that was taken apart is put together again as it was");
  }
  decode(codec, datagram);
}

void run_teltonika(Bytes input) {
  const Codec& codec = *ingest::find_codec("teltonika");
  if (input.size() > codec.max_datagram_size()) return;
  decode(codec, fuzz::copy_of(input));
}

const fuzz::Target kNative("native", run_native);
const fuzz::Target kCollectd("collectd", run_collectd);
const fuzz::Target kSemtech("semtech", run_semtech);
const fuzz::Target kTeltonika("teltonika", run_teltonika);

}  // namespace
