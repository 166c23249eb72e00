#include "daemon/decode.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <memory>

#include "daemon/capture/captured.h"
#include "daemon/frame_row.h"
#include "daemon/hex.h"
#include "daemon/logging.h"
#include "daemon/trust_files.h"
#include "ingest/device_table.h"
#include "ingest/frame_id.h"
#include "ingest/listener.h"
#include "ingest/origin.h"
#include "ingest/vetting.h"

namespace hilera {
namespace {

using capture::Captured;
using ingest::Decoded;
using ingest::Verdict;

constexpr std::size_t kMaxDevices = 100'000;

std::string time_text(std::int64_t milliseconds) {
  const auto text = DatetimeText::of(milliseconds);
  return text ? std::string(text->view()) : "NULL";
}

// A listener without its socket.
struct Station {
  ingest::Origin origin;
  ingest::Trust trust;
  std::uint16_t port;
};

class Explainer {
 public:
  Explainer(const std::vector<ListenerConfig>& listeners, std::ostream& out) : devices_(kMaxDevices), out_(out) {
    for (const ListenerConfig& each : listeners) {
      stations_.push_back({.origin = {.listener = each.name,
                                      .codec = ingest::find_codec(each.codec),
                                      .store_raw = each.store_raw,
                                      .guarded = false},
                           .trust = load_trust(each),
                           .port = each.port});
    }
  }

  void explain(const Captured& captured, const std::string& file) {
    const Station* station = station_of(captured, file);
    if (!station) {
      ++tally_.to_nobody;
      return;
    }
    ++tally_.datagrams;
    write_head(captured, *station);
    ingest::Datagram datagram;
    datagram.origin = &station->origin;
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    datagram.bytes = captured.bytes;
    if (captured.source) datagram.path.peer = *captured.source;
    datagram.arrival = captured.time.value_or(now).time_since_epoch().count();
    judge(*station, datagram);
  }

  [[nodiscard]] const DecodeTally& tally() const { return tally_; }

 private:
  [[nodiscard]] const Station* station_of(const Captured& captured, const std::string& file) const {
    if (stations_.size() == 1 && (!captured.destination || stations_.front().port == 0)) return &stations_.front();
    if (!captured.destination) {
      throw capture::CaptureError(file + ": tells no ports, and there are several listeners: name one of them");
    }
    const auto found = std::find_if(stations_.begin(), stations_.end(),
                                    [&](const Station& each) { return each.port == captured.destination->port(); });
    return found == stations_.end() ? nullptr : &*found;
  }

  void write_head(const Captured& captured, const Station& station) {
    fmt::print(out_, "datagram {}: {} bytes, codec {}", tally_.datagrams, captured.bytes.size(),
               station.origin.codec->name());
    if (!station.origin.listener.empty()) fmt::print(out_, ", listener {}", station.origin.listener);
    if (captured.source) {
      fmt::print(out_, ", from {} to {}", captured.source->to_string(), captured.destination->to_string());
    }
    if (captured.time) {
      const auto time = std::chrono::floor<std::chrono::milliseconds>(captured.time->time_since_epoch());
      fmt::print(out_, ", {} UTC", time_text(time.count()));
    }
    fmt::print(out_, "\n");
  }

  void judge(const Station& station, const ingest::Datagram& datagram) {
    const ingest::Codec& codec = *station.origin.codec;
    Decoded decoded;
    if (datagram.bytes.size() > codec.max_datagram_size()) {
      decoded.reject(ingest::kOversize);
    } else {
      codec.decode(datagram.bytes, decoded);
    }
    if (decoded.verdict == Verdict::kRejected) return reject(decoded);

    const auto device = devices_.hold(decoded.nserie);
    const ingest::Vetted vetted = ingest::vet(station.trust, codec, datagram, decoded, *device);
    if (!vetted.refusal.empty()) {
      decoded.reject(vetted.refusal);
      return reject(decoded);
    }
    if (decoded.auth_level >= ingest::AuthLevel::kMac) {
      if (!device->has_proved_itself()) proven_.push_back(devices_.hold(decoded.nserie));
      device->make_proof(codec).guard.mark(decoded, datagram.arrival);
    }
    if (decoded.verdict == Verdict::kControl) {
      write_control(decoded);
    } else if (vetted.number_used) {
      ++tally_.repeated;
      fmt::print(out_, "  a repetition: its number was used before; other content would go to dead_letter\n");
    } else {
      write_records(station, datagram, decoded);
    }
    write_ack(station, datagram, decoded,
              vetted.number_used ? ingest::AckStatus::kDuplicate : ingest::AckStatus::kStored);
  }

  void reject(const Decoded& decoded) {
    ++tally_.rejected;
    fmt::print(out_, "  rejected: {}\n", decoded.reason);
  }

  void write_control(const Decoded& decoded) {
    ++tally_.control;
    fmt::print(out_, "  control, nothing to store");
    if (!decoded.nserie.empty()) fmt::print(out_, ", of device {}", printable(decoded.nserie));
    if (decoded.answer) fmt::print(out_, "; it answers a downlink: {}", printable(decoded.answer->text));
    fmt::print(out_, "\n");
  }

  void write_records(const Station& station, const ingest::Datagram& datagram, Decoded& decoded) {
    ++tally_.accepted;
    tally_.records += decoded.records.size();
    ingest::identify(decoded.records);
    std::size_t number = 0;
    for (const ingest::Record& each : decoded.records) {
      fmt::print(out_, "  record {} of {}, a row of table frame\n", ++number, decoded.records.size());
      fmt::print(out_, "    nserie       {}\n", printable(decoded.nserie));
      fmt::print(out_, "    frame_id     {}\n", each.frame_id);
      fmt::print(out_, "    device_time  {}\n", each.device_time ? time_text(*each.device_time) : "NULL");
      fmt::print(out_, "    digest       {}\n", to_hex(digest_bytes(each.digest)));
      fmt::print(out_, "    auth_level   {}\n", static_cast<unsigned>(decoded.auth_level));
      std::string fields;
      station.origin.codec->append_fields(datagram.bytes, each, fields);
      write_fields(*station.origin.codec, fields);
      if (station.origin.store_raw) fmt::print(out_, "    raw          the bytes of the datagram\n");
    }
  }

  // A member a line; as it is stored where it is no object.
  void write_fields(const ingest::Codec& codec, const std::string& fields) {
    const auto object = nlohmann::ordered_json::parse(fields, nullptr, false);
    if (!object.is_object()) {
      fmt::print(out_, "    fields       {}\n", printable(fields));
      return;
    }
    fmt::print(out_, "    fields\n");
    write_members(codec, "", object, 6);
  }

  void write_members(const ingest::Codec& codec, const std::string& group, const nlohmann::ordered_json& object,
                     int indent) {
    for (const auto& [key, value] : object.items()) {
      if (value.is_object() && group.empty() && !value.empty()) {
        fmt::print(out_, "{:{}}{}\n", "", indent, printable(key));
        write_members(codec, key, value, indent + 2);
        continue;
      }
      fmt::print(out_, "{:{}}{} = {}", "", indent, printable(key), value.dump(-1, ' ', true));
      const auto legend = value.is_number_unsigned() ? codec.legend(group, key, value.get<std::uint64_t>()) : "";
      fmt::print(out_, "{}{}\n", legend.empty() ? "" : "   ", legend);
    }
  }

  void write_ack(const Station& station, const ingest::Datagram& datagram, const Decoded& decoded,
                 ingest::AckStatus status) {
    if (!decoded.ack_wanted) return;
    ingest::Ack ack;
    station.origin.codec->make_ack(datagram.bytes, decoded, status, station.trust.keys.get(), ack);
    if (!ack.empty()) fmt::print(out_, "  acknowledged with {}\n", to_hex(ack.bytes()));
  }

  std::vector<Station> stations_;
  ingest::DeviceTable devices_;
  std::vector<ingest::DeviceTable::Hold> proven_;  // which the table would forget, as it hears of no listener
  DecodeTally tally_;
  std::ostream& out_;
};

void write_tally(const DecodeTally& tally, const capture::LeftOut& left_out, std::ostream& out) {
  fmt::print(out, "{} datagrams: {} accepted with {} records, {} repeated, {} control, {} rejected\n", tally.datagrams,
             tally.accepted, tally.records, tally.repeated, tally.control, tally.rejected);
  const auto note = [&out](std::uint64_t count, std::string_view what) {
    if (count > 0) fmt::print(out, "left out: {} {}\n", count, what);
  };
  note(tally.to_nobody, "to ports of no listener");
  note(left_out.not_udp, "packets that are not UDP");
  note(left_out.fragments, "fragments of datagrams");
  note(left_out.cut, "packets that the capture has only in part");
}

}  // namespace

DecodeTally decode_file(const std::string& file, const std::vector<ListenerConfig>& listeners, std::ostream& out) {
  const auto reader = capture::open_file(file);
  Explainer explainer(listeners, out);
  for (Captured captured; reader->next(captured);)
    explainer.explain(captured, file);
  write_tally(explainer.tally(), reader->left_out(), out);
  return explainer.tally();
}

}  // namespace hilera
