// ZmqSocket: a ZeroMQ socket whose send() and receive() let other greenlets go on while they wait.
//
// ZeroMQ does its input and output on threads of its own, and tells of news by a descriptor, ZMQ_FD. That one does not
// say "there is a message": it becomes readable when there are news that the socket has not looked at, and any call on
// the socket looks at them, a send as well as a receive. Three rules follow, and each has been a bug somewhere:
//   - before each wait, ask ZMQ_EVENTS: the news may have been taken long ago;
//   - when the descriptor becomes readable, ask ZMQ_EVENTS again: the news may be of something else;
//   - after each call, ask once more, and wake whoever waits for what has come: to them the descriptor says nothing.
//
// Any number of greenlets of one hub may use a socket. The context must outlive it, and nobody may wait in it when it
// is destroyed. What a kill, a Timeout or a deadline ends was neither sent nor received.

#pragma once

#include <ev.h>
#include <zmq.hpp>

#include <string_view>

#include "greenrt/deadline.h"
#include "greenrt/error.h"
#include "greenrt/hub.h"
#include "greenrt/wait_list.h"

class ZmqSocket {
 public:
  ZmqSocket(zmq::context_t& context, zmq::socket_type type) : hub_(greenrt::Hub::current()), socket_(context, type) {
    socket_.set(zmq::sockopt::linger, 0);  // closing it must not wait
    ev_io_init(&news_, &ZmqSocket::on_news, socket_.get(zmq::sockopt::fd), EV_READ);
    news_.data = this;
  }
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;

  // For bind, connect and options.
  [[nodiscard]] zmq::socket_t& plain() { return socket_; }

  // Yields until the message, or the part of one, is taken. Throws TimeoutExpired at the deadline, and zmq::error_t.
  void send(std::string_view text, zmq::send_flags flags = zmq::send_flags::none,
            greenrt::Deadline deadline = greenrt::Deadline::never()) {
    while (!socket_.send(zmq::buffer(text), flags | zmq::send_flags::dontwait))
      wait(ZMQ_POLLOUT, may_send_, deadline);
    look_at_news();
  }

  // Yields until a message, or the next part of one, has come. Throws TimeoutExpired at the deadline, and zmq::error_t.
  zmq::message_t receive(greenrt::Deadline deadline = greenrt::Deadline::never()) {
    zmq::message_t message;
    while (!socket_.recv(message, zmq::recv_flags::dontwait))
      wait(ZMQ_POLLIN, may_receive_, deadline);
    look_at_news();
    return message;
  }

 private:
  // The loop watches the descriptor for as long as somebody waits, and stays alive for that.
  class Watch {
   public:
    explicit Watch(ZmqSocket& socket) : socket_(socket) {
      if (socket_.waiting_++ == 0) ev_io_start(socket_.hub_.loop(), &socket_.news_);
    }
    ~Watch() {
      if (--socket_.waiting_ == 0) ev_io_stop(socket_.hub_.loop(), &socket_.news_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    ZmqSocket& socket_;
  };

  void wait(int wanted, greenrt::WaitList& list, greenrt::Deadline deadline) {
    const Watch watch(*this);
    while (!(look_at_news() & wanted)) {
      greenrt::WaitList::Waiter waiter;
      if (!list.wait(waiter, "ZeroMQ", deadline)) throw greenrt::TimeoutExpired();
    }
  }

  // What the socket can do now. Whoever waits for it learns of it.
  int look_at_news() {
    const int events = socket_.get(zmq::sockopt::events);
    if (events & ZMQ_POLLOUT) may_send_.wake_all();
    if (events & ZMQ_POLLIN) may_receive_.wake_all();
    return events;
  }

  static void on_news(struct ev_loop*, ev_io* news, int) { static_cast<ZmqSocket*>(news->data)->look_at_news(); }

  greenrt::Hub& hub_;
  zmq::socket_t socket_;
  ev_io news_;
  int waiting_ = 0;
  greenrt::WaitList may_send_;
  greenrt::WaitList may_receive_;
};
