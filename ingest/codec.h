// The interface of a codec: what turns the bytes of one datagram into records, and commands into bytes.
//
// A codec is stateless, is shared by every listener that names it, never yields and never throws on bad input: what is
// wrong with a datagram is an outcome with a reason, which the caller counts. Records point into the datagram instead
// of copying it; the text of `fields`, and the key that is a hash of the content, are made later, when a record is on
// its way to storage.
//
// To add a codec: one pair of files that defines a subclass, and one line in codec_registry.cc.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/bytes.h"
#include "ingest/key_ring.h"
#include "ingest/series_times.h"

namespace ingest {

// How sure one may be that the device named in a datagram sent it (column auth_level).
enum class AuthLevel : std::uint8_t { kNone = 0, kSourcePinned = 1, kMac = 2, kAead = 3 };

// One row of table `frame`, as far as the codec knows it. Valid as long as the datagram's bytes are.
struct Record {
  Bytes bytes;                              // the part of the datagram that is this record's content
  std::optional<std::int64_t> device_time;  // milliseconds since 1970-01-01 UTC; none when the device has no clock
  // Both 0 where they come from `bytes` alone: until identify() in frame_id.h has hashed them.
  std::uint64_t frame_id = 0;
  std::uint64_t digest = 0;  // of the content: tells a retransmission from a conflict
};

// The answer to a datagram, held back until its records are durable.
class Ack {
 public:
  static constexpr std::size_t kCapacity = 96;

  [[nodiscard]] Bytes bytes() const { return {storage_.data(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Room for `size` bytes (at most kCapacity), to be filled by the caller.
  std::span<std::byte> resize(std::size_t size);

 private:
  std::array<std::byte, kCapacity> storage_;
  std::size_t size_ = 0;
};

enum class Verdict : std::uint8_t {
  kRecords,   // one or more records to store
  kControl,   // well formed, carries nothing to store (keep-alive, answer to a command); what acknowledges it goes at
              // once
  kRejected,  // malformed or refused; `reason` says why, nobody answers
};

// What a device says of a frame that was sent down to it.
struct DownlinkAnswer {
  enum class Outcome : std::uint8_t { kDelivered, kFailed, kNotNow };

  // Which row of table `downlink` it is: the bits of its number that the protocol carries, all, some or none. With none
  // it is the one that is under way.
  std::uint64_t id = 0;
  std::uint64_t id_bits = 0;
  Outcome outcome = Outcome::kDelivered;
  std::string_view text;  // what the device said, for people; points into the datagram, or is static
};

// What became of one datagram. Reused from one datagram to the next so that decoding does not allocate.
struct Decoded {
  Verdict verdict = Verdict::kRejected;
  std::string_view reason;      // static text, a Prometheus label value; set when kRejected
  std::string_view nserie;      // points into the datagram, or into `nserie_storage`
  std::string nserie_storage;   // for codecs whose serial is not text on the wire
  std::vector<Record> records;  // by device time, those without one first; stable where equal
  bool ack_wanted = false;      // of a control datagram: at once
  // It carries a proof of who sent it, which decode() does not look at: see Codec::verify().
  bool tagged = false;
  AuthLevel auth_level = AuthLevel::kNone;
  std::uint8_t key_id = 0;  // of a tagged one, where the protocol numbers its keys
  // A number that the device uses once, epoch << 32 | sequence, as a tagged datagram claims it; 0: it has none.
  std::uint64_t counter = 0;
  // Of a tagged datagram whose protocol has no such number: what its records measure, and when.
  std::vector<Reading> readings;
  bool updates_path = false;  // the peer's address becomes the device's, where downlinks go
  std::uint8_t version = 0;   // of the protocol, as the device speaks it; 0 where it makes no difference
  std::optional<DownlinkAnswer> answer;

  void clear();
  void reject(std::string_view why);
  // Its proof is right, now or when it was received: the counter, if it has one, identifies the record.
  void prove(AuthLevel level);
};

// How the records of a datagram ended, as far as an acknowledgement can tell it.
enum class AckStatus : std::uint8_t {
  kStored,     // all of them are durable
  kDuplicate,  // all of them had been stored before
  kRefused,    // in custody as dead letters: sending again would not help
};

// The key under which a device is spoken to.
struct DownlinkKey {
  std::uint8_t id = 0;
  DeviceKey key;
};

// Who a frame goes down to, as far as the bytes depend on it. Refers to the key.
struct DownlinkPeer {
  DownlinkPeer(const DownlinkKey* its_key, std::uint8_t its_version = 0) : key(its_key), version(its_version) {}

  const DownlinkKey* key;  // of a device that proves itself, nullptr of others
  std::uint8_t version;    // see Decoded
};

// How a protocol treats what is sent down.
struct DownlinkManners {
  bool answered = true;             // a device says what became of it
  bool repeatable = false;          // a device knows a repetition, and obeys it once
  bool answers_name_device = true;  // otherwise it is the one that was sent to the address where the answer comes from
};

class Codec {
 public:
  Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;
  virtual ~Codec() = default;

  // As written in the configuration and in the column `codec`. Static text.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // The largest datagram that this codec accepts, in bytes. The receiver rejects larger ones before decoding.
  [[nodiscard]] virtual std::size_t max_datagram_size() const = 0;

  // Every reason with which decode() rejects, so that each counter exists before it is needed.
  [[nodiscard]] virtual std::span<const std::string_view> reject_reasons() const = 0;

  // The serial that a datagram claims, for admission: a look at fixed offsets, without validation, allocation or
  // decoding. Empty when there is none where it should be.
  [[nodiscard]] virtual std::string_view peek_serial(Bytes datagram) const = 0;
  // The nserie that decode() makes of what peek_serial() found; a view of either `peeked` or `room`.
  using SerialRoom = std::array<char, 32>;
  [[nodiscard]] virtual std::string_view serial_of(std::string_view peeked, SerialRoom& room) const;
  // The keyed_hash() of that.
  [[nodiscard]] std::uint64_t hash_of(std::string_view peeked) const;

  // A serial as people write it, in the form in which it is stored.
  [[nodiscard]] virtual std::string stored_form(std::string_view written) const { return std::string(written); }

  // Whether all that a device sends comes from one port of its, as long as it is not behind a NAT that changes it.
  [[nodiscard]] virtual bool keeps_its_port() const { return true; }

  // The form of the key files that verify() and make_ack() need; kNone: the protocol proves nothing.
  [[nodiscard]] virtual KeyForm key_form() const { return KeyForm::kNone; }

  // Decodes a datagram into `out`, which it clears first. Allocates nothing in proportion to a length claimed on the
  // wire beyond what the datagram itself holds.
  virtual void decode(Bytes datagram, Decoded& out) const = 0;

  // Checks the proof of a datagram that decode() found tagged, in a time that does not depend on the secret. Empty when
  // it is right, or the reason (see trust.h); changes nothing.
  [[nodiscard]] virtual std::string_view verify(Bytes datagram, const Decoded& decoded, const KeyRing& keys) const;

  // The acknowledgement of a datagram that decode() accepted: never longer than the datagram. Empty when the protocol
  // has none. `keys`: of the listener, nullptr without; that of a tagged datagram carries a proof as well.
  virtual void make_ack(Bytes datagram, const Decoded& decoded, AckStatus status, const KeyRing* keys,
                        Ack& ack) const = 0;

  // Appends the JSON object of a record's decoded values (column `fields`) to `json`: valid UTF-8, valid JSON.
  virtual void append_fields(Bytes datagram, const Record& record, std::string& json) const = 0;

  // What a number among `fields` means, in words, for people who debug a device: member `name` of the object `group`
  // (empty: of the outermost one). Empty where nothing more is known than its name says.
  [[nodiscard]] virtual std::string legend(std::string_view group, std::string_view name, std::uint64_t value) const;

  // `version`: see Decoded.
  [[nodiscard]] virtual DownlinkManners downlink_manners(std::uint8_t version) const;

  // The datagram that carries `payload` down to a device; `id` is the downlink row's number. The same arguments make
  // the same bytes, so that a device knows a repetition. None when this codec cannot carry it (too long, wrong bytes,
  // or no downlink at all).
  [[nodiscard]] virtual std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                              Bytes payload,
                                                                              const DownlinkPeer& peer) const = 0;

  // Why encode_downlink() could not carry this payload to any device of that serial, as a sentence's end for people who
  // queue it; empty when it could.
  [[nodiscard]] virtual std::string downlink_obstacle(std::string_view nserie, Bytes payload) const;
};

// The codec of that name, or nullptr. Codecs live as long as the program.
const Codec* find_codec(std::string_view name);

// The names that find_codec() knows, in alphabetical order.
std::vector<std::string_view> codec_names();

}  // namespace ingest
