// What stands around the pipeline in its tests: a codec of plain text, custody and a downlink source in memory that do
// what the test tells them, a reporter that remembers, and a device in the field.

#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/hub.h"
#include "greenrt/udp_socket.h"
#include "ingest/codec.h"
#include "ingest/custody.h"
#include "ingest/downlink_source.h"
#include "ingest/listener.h"
#include "ingest/reporter.h"
#include "tests/support/hub_fixture.h"

namespace ingest::testing {

// Yields until nobody but the caller is ready. What waits for I/O or for time goes on waiting.
inline void run_until_quiet() {
  const greenrt::HubStats& stats = greenrt::Hub::current().stats();
  std::uint64_t before = 0;
  do {
    before = stats.switches;
    greenrt::yield();
  } while (stats.switches > before + 1);
}

// Polls until `condition` holds; false when it does not within ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
  const greenrt::Deadline deadline(std::chrono::seconds(10));
  while (!condition()) {
    if (deadline.expired()) return false;
    greenrt::testing::let_poll();
  }
  return true;
}

// Datagrams of text: a letter for what the datagram is, the serial, "/", the record's number. "+A/1" is record 1 of
// device A.
//   +  one record, acknowledged        -  one record, no acknowledgement     2  two records, acknowledged
//   c  control                         a  as +, but making the ack throws
//   d  control, a downlink's answer, whose text stands behind the slash; without a serial it names no device
//   m  decoding runs out of memory     x  decoding throws                    all others are rejected
class TextCodec : public Codec {
 public:
  static constexpr std::size_t kMaxSize = 64;
  static constexpr std::array<std::string_view, 1> kReasons{"bad_letter"};

  [[nodiscard]] std::string_view name() const override { return "text"; }
  [[nodiscard]] std::size_t max_datagram_size() const override { return kMaxSize; }
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override { return kReasons; }

  [[nodiscard]] std::string_view peek_serial(Bytes datagram) const override {
    const std::string_view text = as_text(datagram);
    return text.empty() ? text : text.substr(1, text.find('/') - 1);
  }

  void decode(Bytes datagram, Decoded& out) const override {
    out.clear();
    const std::string_view text = as_text(datagram);
    if (text.empty() || std::string_view("+-2acdmx").find(text[0]) == std::string_view::npos) {
      return out.reject(kReasons[0]);
    }
    if (text[0] == 'm') throw std::bad_alloc();
    if (text[0] == 'x') throw std::runtime_error("the codec has a bug");
    out.nserie = peek_serial(datagram);
    out.updates_path = true;
    const std::string_view content = text.substr(text.find('/') + 1);
    out.verdict = text[0] == 'c' || text[0] == 'd' ? Verdict::kControl : Verdict::kRecords;
    if (text[0] == 'd') out.answer = DownlinkAnswer{.text = content};
    if (out.verdict == Verdict::kControl) return;
    out.ack_wanted = text[0] != '-';
    std::uint64_t number = 0;
    std::from_chars(content.data(), content.data() + content.size(), number);
    out.records.push_back({.bytes = datagram, .device_time = {}, .frame_id = number, .digest = 1});
    if (text[0] == '2') out.records.push_back({.bytes = datagram, .device_time = {}, .frame_id = ~number, .digest = 1});
  }

  // "=A/1" when stored, "~A/1" when it was there already, "!A/1" when it was refused.
  void make_ack(Bytes datagram, const Decoded&, AckStatus status, const KeyRing*, Ack& ack) const override {
    if (as_text(datagram)[0] == 'a') throw std::runtime_error("no answer to this one");
    const auto out = ack.resize(datagram.size());
    std::copy(datagram.begin(), datagram.end(), out.begin());
    out[0] = static_cast<std::byte>(status == AckStatus::kStored ? '=' : status == AckStatus::kDuplicate ? '~' : '!');
  }

  void append_fields(Bytes, const Record&, std::string& json) const override { json += "{}"; }

  // "A#7:payload". Cannot carry "?".
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view nserie, std::uint64_t id,
                                                                      Bytes payload,
                                                                      const DownlinkPeer&) const override {
    if (as_text(payload) == "?") return std::nullopt;
    const std::string text = std::string(nserie) + "#" + std::to_string(id) + ":" + std::string(as_text(payload));
    const Bytes bytes = as_bytes(text);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
};

// Makes durable and stores at once unless told to hold; then each entry waits until the test moves it on.
class FakeCustody final : public Custody {
 public:
  void hold() { held_ = true; }
  // Stores everything that waits, and at once from now on.
  void let_go() {
    held_ = false;
    for (const EntryRef& entry : std::exchange(waiting_, {})) {
      if (!entry->durable()) entry->set_durable();
      store(*entry);
    }
  }

  void note_repetition(const Entry&) noexcept override { ++repetitions_; }
  [[nodiscard]] std::size_t repetitions() const { return repetitions_; }
  [[nodiscard]] std::int64_t taken() const { return places_; }
  // Of what was taken last.
  [[nodiscard]] AuthLevel last_level() const { return last_level_; }

  // Refuses, or throws, what is taken from now on.
  void refuse(DropReason reason) {
    during_take_ = [reason] { throw CustodyRefused(reason, "no room"); };
  }
  template <typename Error>
  void fail(Error error) {
    during_take_ = [error] { throw error; };
  }
  void take_again() {
    during_take_ = [] {};
  }

  // What waits, by its text: "A/1".
  void make_durable(std::string_view text) { find(text)->set_durable(); }
  void make_all_durable() {
    for (const EntryRef& entry : waiting_)
      if (!entry->durable()) entry->set_durable();
  }
  void lose(std::string_view text) { remove(text)->set_lost(); }
  void leave_behind(std::string_view text) { remove(text)->leave_behind(); }
  void finish(std::string_view text, StoreResult result) { remove(text)->set_stored(result); }
  void finish(std::string_view text) {
    const EntryRef entry = remove(text);
    if (!entry->durable()) entry->set_durable();
    store(*entry);
  }
  [[nodiscard]] std::vector<std::string> waiting() const {
    std::vector<std::string> texts;
    for (const EntryRef& entry : waiting_)
      texts.push_back(text_of(*entry));
    return texts;
  }

  // What was taken, in order: "A/1 B/1".
  [[nodiscard]] const std::string& log() const { return log_; }
  // The same by device, as arrival stamps.
  [[nodiscard]] const std::map<std::string, std::vector<std::int64_t>>& arrivals() const { return arrivals_; }

  void take(const EntryRef& entry) override {
    during_take_();
    entry->place = ++places_;
    last_level_ = entry->decoded.auth_level;
    if (!log_.empty()) log_ += ' ';
    log_ += text_of(*entry);
    arrivals_[std::string(entry->decoded.nserie)].push_back(entry->datagram.arrival);
    if (held_) {
      waiting_.push_back(entry);
    } else {
      entry->set_durable();
      store(*entry);
    }
  }

 private:
  static std::string text_of(const Entry& entry) { return std::string(as_text(entry.datagram.bytes).substr(1)); }
  static void store(Entry& entry) {
    entry.set_stored({.stored = static_cast<std::uint32_t>(entry.decoded.records.size())});
  }
  std::vector<EntryRef>::iterator position(std::string_view text) {
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const EntryRef& entry) { return text_of(*entry) == text; });
    if (found == waiting_.end()) throw std::logic_error("nothing waits by the name " + std::string(text));
    return found;
  }
  EntryRef find(std::string_view text) { return *position(text); }
  EntryRef remove(std::string_view text) {
    const auto found = position(text);
    EntryRef entry = *found;
    waiting_.erase(found);
    return entry;
  }

  bool held_ = false;
  std::size_t repetitions_ = 0;
  AuthLevel last_level_ = AuthLevel::kNone;
  std::function<void()> during_take_ = [] {};
  std::vector<EntryRef> waiting_;
  std::int64_t places_ = 0;
  std::string log_;
  std::map<std::string, std::vector<std::int64_t>> arrivals_;
};

// Remembers what was reported, as "event subject: detail".
class RecordingReporter final : public Reporter {
 public:
  void warn(std::string_view event, std::string_view subject, std::string_view detail) noexcept override {
    lines.push_back(std::string(event) + " " + std::string(subject) + ": " + std::string(detail));
  }
  std::vector<std::string> lines;
};

// Holds what is queued in order, and writes down every call: "due", "begin 7", "sent 7", "failed 7 retry: why".
class FakeDownlinkSource final : public DownlinkSource {
 public:
  void queue(std::uint64_t id, std::string nserie, std::string_view payload) {
    const Bytes bytes = as_bytes(payload);
    queued_.push_back({id, std::move(nserie), {bytes.begin(), bytes.end()}});
  }
  [[nodiscard]] std::size_t queued() const { return queued_.size(); }
  [[nodiscard]] std::size_t looks() const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), "due"));
  }

  std::vector<Downlink> due(std::size_t limit) override {
    call("due");
    std::vector<Downlink> found;
    for (; found.size() < limit && next_ < queued_.size(); ++next_)
      found.push_back(queued_[next_]);
    if (found.size() < limit) next_ = 0;
    return found;
  }
  std::optional<Downlink> due_for(std::string_view nserie) override {
    call("due for " + std::string(nserie));
    const auto found =
        std::find_if(queued_.begin(), queued_.end(), [&](const Downlink& each) { return each.nserie == nserie; });
    return found == queued_.end() ? std::nullopt : std::optional(*found);
  }
  bool begin_attempt(const Downlink& downlink, const Attempt& attempt) override {
    last_attempt = attempt;
    call("begin " + std::to_string(downlink.id));
    return !refused.contains(downlink.id);
  }
  void mark_sent(const Downlink& downlink, bool answered) override {
    last_answered = answered;
    call("sent " + std::to_string(downlink.id));
    remove(downlink.id);
  }
  void mark_failed(const Downlink& downlink, std::string_view error, bool retry) override {
    call("failed " + std::to_string(downlink.id) + (retry ? " retry: " : ": ") + std::string(error));
    if (!retry) remove(downlink.id);
  }

  std::vector<std::string> log;
  Attempt last_attempt;
  bool last_answered = false;
  std::set<std::uint64_t> refused;                                      // begin_attempt() says no
  std::string failing;                                                  // the call that throws, as it stands in the log
  std::function<void(const std::string&)> during = [](const auto&) {};  // runs within each call

 private:
  void call(const std::string& what) {
    greenrt::yield();
    log.push_back(what);
    during(what);
    if (what == failing) throw std::runtime_error("the source is out of reach");
  }
  void remove(std::uint64_t id) {
    std::erase_if(queued_, [id](const Downlink& downlink) { return downlink.id == id; });
    next_ = 0;
  }

  std::vector<Downlink> queued_;
  std::size_t next_ = 0;
};

inline greenrt::SocketAddress loopback(std::string_view host = "127.0.0.1", std::uint16_t port = 0) {
  return greenrt::SocketAddress::parse(host, port).value();
}

// A device in the field: a plain socket on loopback.
class DeviceSocket {
 public:
  explicit DeviceSocket(std::string_view host = "127.0.0.1") : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto address = loopback(host);
    if (::bind(fd_, address.raw(), address.size()) != 0) throw std::runtime_error("bind");
  }
  ~DeviceSocket() { ::close(fd_); }
  DeviceSocket(const DeviceSocket&) = delete;
  DeviceSocket& operator=(const DeviceSocket&) = delete;

  [[nodiscard]] greenrt::SocketAddress address() const { return greenrt::SocketAddress::local_of(fd_); }
  [[nodiscard]] greenrt::UdpPath path() const { return {.peer = address()}; }

  void send(Bytes bytes, const greenrt::SocketAddress& to) const {
    const auto sent = ::sendto(fd_, bytes.data(), bytes.size(), 0, to.raw(), to.size());
    if (sent != static_cast<ssize_t>(bytes.size())) throw std::runtime_error("sendto");
  }
  void send(std::string_view text, const greenrt::SocketAddress& to) const { send(as_bytes(text), to); }

  struct Mail {
    std::string text;
    greenrt::SocketAddress from;
  };
  // The next datagram, "" when none comes within ten seconds.
  [[nodiscard]] Mail receive() const {
    pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, 10'000) != 1) return {};
    return take().value_or(Mail{});
  }
  // What is there already.
  [[nodiscard]] std::vector<std::string> mail() const {
    std::vector<std::string> texts;
    while (auto mail = take())
      texts.push_back(std::move(mail->text));
    return texts;
  }

 private:
  [[nodiscard]] std::optional<Mail> take() const {
    std::array<char, 2048> buffer;
    Mail mail;
    socklen_t size = greenrt::SocketAddress::capacity();
    const auto received = ::recvfrom(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT, mail.from.raw(), &size);
    if (received < 0) return std::nullopt;
    mail.text.assign(buffer.data(), static_cast<std::size_t>(received));
    return mail;
  }

  int fd_;
};

inline std::uint64_t rejected(const Listener& listener, std::string_view reason) {
  for (const auto& [name, count] : listener.counters().rejected.counts())
    if (name == reason) return count;
  return 0;
}

}  // namespace ingest::testing
