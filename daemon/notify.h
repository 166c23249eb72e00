// Messages to systemd: ready, stopping, a status line, and the watchdog's sign of life, as sd_notify(3) sends them.
//
// Each message is one datagram to the Unix socket that the environment names; it is sent without waiting, so nothing
// here yields or blocks. Without NOTIFY_SOCKET every call does nothing and succeeds. A call that fails returns the
// error for the caller to log: the daemon goes on.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace hilera {

class Notifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Throws std::runtime_error when they are there and wrong.
  static Notifier from_environment();

  // `address`: a path, or @NAME for the abstract namespace.
  Notifier(std::string_view address, std::optional<std::chrono::microseconds> watchdog_timeout);
  Notifier() = default;
  Notifier(Notifier&& other) noexcept;
  Notifier& operator=(Notifier&& other) noexcept;
  ~Notifier();

  [[nodiscard]] bool enabled() const { return fd_ >= 0; }

  // After how much time without watchdog() systemd kills the daemon; call it at least twice as often. None: it does
  // not.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_timeout() const { return watchdog_timeout_; }

  std::error_code ready(std::string_view status) { return send("READY=1\n" + status_line(status)); }
  // `patience`: for how long systemd shall wait for the end, however short its own time-out.
  std::error_code stopping(std::string_view status, std::chrono::microseconds patience) {
    return send("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(patience.count()) + "\n" + status_line(status));
  }
  std::error_code status(std::string_view text) { return send(status_line(text)); }
  std::error_code watchdog() { return send("WATCHDOG=1"); }

 private:
  static std::string status_line(std::string_view text);
  std::error_code send(const std::string& message);

  int fd_ = -1;
  std::string address_;
  std::optional<std::chrono::microseconds> watchdog_timeout_;
};

}  // namespace hilera
