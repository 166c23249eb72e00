// BeastStream: a Stream as Boost.Beast and Boost.Asio know it (SyncReadStream, SyncWriteStream), so that their
// synchronous functions, http::read, http::write, websocket::stream<BeastStream>, become cooperative: where they would
// block, their greenlet waits.
//
//   BeastStream stream(Stream::connect(address));
//   stream.set_read_deadline(10s);
//   http::write(stream, request);
//   http::read(stream, buffer, response);
//
// Owns its Stream. One greenlet may read and one may write, as with a Stream, though a websocket writes while it reads,
// too, when it answers a ping: therefore write_some() writes all that it is given, and another write waits. As Beast
// writes a frame with one call (as long as auto_fragment is on, as it is by default), frames never get mixed up, and
// one greenlet may read from a websocket while another one writes to it.
//
// Yields wherever Stream would. Errors are error codes, or boost::system::system_error from the forms without one:
//
//   asio::error::eof                 the peer has ended the stream
//   asio::error::operation_aborted   the stream was closed at this end
//   beast::error::timeout            the read deadline, or the write timeout, has passed
//   of the system's category         what the socket failed with
//
// A kill, a Timeout and a DeadlineScope are no errors: they fly through Beast, which lets exceptions pass and loses
// nothing but its place in the message. So whoever is hit by one in the middle of a message can only close the stream;
// the same holds after an error of a websocket, a time-out included. After a write that was cut off, every other fails
// with broken_pipe, so that the peer never takes what follows for a part of what came before.
//
// Beast wants an executor from whatever is to carry a websocket, for timers that its synchronous functions never start.
// The first websocket of a thread costs three descriptors, which the thread keeps. The asynchronous functions of both
// libraries do not work with a BeastStream, nor do the timeouts of websocket::stream.

#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/container/small_vector.hpp>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/semaphore.h"
#include "greenrt/stream.h"

namespace greenrt {

class BeastStream {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using error_code = boost::beast::error_code;

  // Of a TCP stream, it sends small writes at once (TCP_NODELAY): Beast's are whole frames and messages.
  explicit BeastStream(Stream stream) : stream_(std::move(stream)) { stream_.send_at_once(); }
  BeastStream(const BeastStream&) = delete;
  BeastStream& operator=(const BeastStream&) = delete;

  [[nodiscard]] Stream& stream() { return stream_; }

  // Holds for all reads until the next call.
  void set_read_deadline(Deadline deadline) { read_deadline_ = deadline; }
  [[nodiscard]] Deadline read_deadline() const { return read_deadline_; }
  // For each write by itself, which is a frame, a chunk, or a header with its body. For ever unless set.
  void set_write_timeout(Duration timeout) { write_timeout_ = timeout; }

  // Yields until there are bytes, and reads into the first of the buffers that is not empty.
  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    namespace asio = boost::asio;
    return report(error, [&]() -> std::size_t {
      for (auto each = asio::buffer_sequence_begin(buffers); each != asio::buffer_sequence_end(buffers); ++each) {
        const asio::mutable_buffer buffer(*each);
        if (buffer.size() == 0) continue;
        const std::size_t size =
            stream_.read_some({static_cast<std::byte*>(buffer.data()), buffer.size()}, read_deadline_);
        if (size == 0) error = asio::error::eof;
        return size;
      }
      return 0;
    });
  }

  // Yields until all of the buffers are written.
  template <typename Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    namespace asio = boost::asio;
    boost::container::small_vector<iovec, 16> pieces;
    std::size_t size = 0;
    for (auto each = asio::buffer_sequence_begin(buffers); each != asio::buffer_sequence_end(buffers); ++each) {
      const asio::const_buffer buffer(*each);
      if (buffer.size() > 0) pieces.push_back({const_cast<void*>(buffer.data()), buffer.size()});
      size += buffer.size();
    }
    return report(error, [&] {
      write({pieces.data(), pieces.size()});
      return size;
    });
  }

  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers) {
    return or_throw([&](error_code& error) { return read_some(buffers, error); });
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& buffers) {
    return or_throw([&](error_code& error) { return write_some(buffers, error); });
  }

  // For the constructor of websocket::stream only.
  [[nodiscard]] executor_type get_executor() const {
    static thread_local boost::asio::io_context never_run;
    return never_run.get_executor();
  }

 private:
  // To write: one greenlet's at a time, in the order of asking.
  class Turn {
   public:
    Turn(BeastStream& owner, Deadline deadline) : owner_(owner) {
      if (!owner.writing_.acquire(deadline)) throw TimeoutExpired();
    }
    ~Turn() { owner_.writing_.release(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    BeastStream& owner_;
  };

  void write(std::span<iovec> pieces) {
    const Deadline deadline = write_timeout_ ? Deadline(*write_timeout_) : Deadline::never();
    const Turn turn(*this, deadline);
    if (std::exchange(cut_off_, true)) throw std::system_error(std::make_error_code(std::errc::broken_pipe));
    stream_.write_all_of(pieces, deadline);
    cut_off_ = false;
  }

  template <typename Work>
  static std::size_t report(error_code& error, Work&& work) {
    error = {};
    try {
      return work();
    } catch (const TimeoutExpired& expired) {
      if (expired.timeout_id() != 0) throw;
      error = boost::beast::error::timeout;
    } catch (const Closed&) {
      error = boost::asio::error::operation_aborted;
    } catch (const std::system_error& failure) {
      error.assign(failure.code().value(), boost::system::system_category());
    }
    return 0;
  }

  template <typename Work>
  static std::size_t or_throw(Work&& work) {
    error_code error;
    const std::size_t size = work(error);
    if (error) throw boost::beast::system_error(error);
    return size;
  }

  Stream stream_;
  Deadline read_deadline_;
  std::optional<Duration> write_timeout_;
  Semaphore writing_{1};
  bool cut_off_ = false;
};

// What Beast calls, both found by their argument. The end of a websocket: says that nothing more will come, reads on
// until the peer says so too, for a second at most and never beyond the read deadline, and closes.
inline void teardown(boost::beast::role_type, BeastStream& stream, boost::beast::error_code& error) {
  constexpr std::chrono::seconds kPatience{1};
  constexpr std::size_t kMost = 64 * 1024;
  error = {};
  try {
    stream.stream().shutdown_write();
  } catch (const std::system_error& failure) {
    error.assign(failure.code().value(), boost::system::system_category());
  }
  stream.set_read_deadline(stream.read_deadline().sooner(kPatience));
  char rest[2048];
  std::size_t total = 0;
  while (!error && total < kMost)
    total += stream.read_some(boost::asio::buffer(rest), error);
  if (error == boost::asio::error::eof) error = {};
  stream.stream().close();
}

inline void beast_close_socket(BeastStream& stream) {
  stream.stream().close();
}

}  // namespace greenrt
