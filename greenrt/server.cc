#include "greenrt/server.h"

#include <exception>
#include <utility>

#include "greenrt/error.h"
#include "greenrt/hub.h"

namespace greenrt {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kLongestDatagram = 65536;
constexpr std::chrono::milliseconds kRoomPause{10};

}  // namespace

void Server::start() {
  if (intake_) return;
  intake_ = spawn([this] {
    try {
      take_in();
    } catch (const Closed&) {
      // stop() has closed the socket.
    }
  });
  intake_->set_name("server");
}

void Server::serve_forever() {
  start();
  intake_->join();
  if (intake_->failed()) std::rethrow_exception(intake_->exception());
}

bool Server::stop(Deadline deadline) {
  close_socket();
  if (intake_) intake_->kill();
  if (handlers_.join(deadline)) return true;
  handlers_.kill();
  return false;
}

void Server::wait_for_place() {
  handlers_.wait_available();
  while (!Hub::current().has_room())
    sleep(kRoomPause);
}

StreamServer::StreamServer(Listener listener, Handler handler, std::size_t limit)
    : Server(limit),
      listener_(std::move(listener)),
      address_(listener_.local_address()),
      handler_(std::move(handler)) {}

StreamServer::~StreamServer() {
  const Shield shield;
  stop(Duration::zero());
}

void StreamServer::take_in() {
  while (true) {
    wait_for_place();
    Stream accepted = listener_.accept();
    wait_for_place();
    handlers().spawn([this](Stream client) { handler_(client); }, std::move(accepted))->set_name("client");
  }
}

DatagramServer::DatagramServer(UdpSocket socket, Handler handler, std::size_t limit)
    : Server(limit),
      socket_(std::move(socket)),
      address_(socket_.local_address()),
      handler_(std::move(handler)),
      received_(kBatch, kLongestDatagram),
      to_send_(1) {}

DatagramServer::~DatagramServer() {
  const Shield shield;
  stop(Duration::zero());
}

void DatagramServer::take_in() {
  while (true) {
    socket_.receive(received_);
    for (std::size_t index = 0; index < received_.size(); ++index) {
      const auto bytes = received_.bytes(index);
      wait_for_place();
      Datagram datagram{{bytes.begin(), bytes.end()}, received_.path(index)};
      handlers()
          .spawn([this](const Datagram& its) { handler_(*this, its); }, std::move(datagram))
          ->set_name("datagram");
    }
    yield();
  }
}

bool DatagramServer::send(std::span<const std::byte> bytes, const UdpPath& path) {
  const Permit permit(sending_);
  to_send_.clear();
  to_send_.add(bytes, path);
  return socket_.send(to_send_).sent == 1;
}

}  // namespace greenrt
