// StreamServer and DatagramServer: a greenlet for each client, or for each datagram.

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "greenrt/greenlet.h"
#include "greenrt/group.h"
#include "greenrt/hub.h"
#include "greenrt/server.h"

using namespace std::chrono_literals;
using greenrt::DatagramServer;
using greenrt::SocketAddress;
using greenrt::Stream;
using greenrt::StreamServer;
using greenrt::UdpSocket;

const SocketAddress anywhere_here = *SocketAddress::parse("127.0.0.1", 0);

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void echo(Stream& client) {
  std::array<std::byte, 256> buffer;
  while (const std::size_t size = client.read_some(buffer))
    client.write_all(std::span<const std::byte>(buffer).first(size));
}

void shout(DatagramServer& server, const DatagramServer::Datagram& datagram) {
  std::string loud(text(datagram.bytes));
  std::ranges::transform(loud, loud.begin(), [](unsigned char letter) { return std::toupper(letter); });
  server.send(std::as_bytes(std::span(loud)), datagram.path);
}

void streams() {
  StreamServer server(greenrt::Listener::bind_tcp(anywhere_here), echo, 100);
  server.start();
  greenrt::Group clients;
  const auto ask = [&server](const std::string& name) {
    Stream stream = Stream::connect(server.address(), 10s);
    std::array<std::byte, 256> buffer;
    stream.write_all("hello " + name);
    const std::size_t size = stream.read_some(buffer, 10s);
    return std::string(text(std::span(buffer).first(size)));
  };
  for (const std::string& answer : clients.map(std::vector<std::string>{"ada", "bob"}, ask))
    std::printf("answered %s\n", answer.c_str());
  std::printf("the server stopped with nobody left: %d\n", server.stop(10s));
}

void datagrams() {
  DatagramServer server(UdpSocket::bind(anywhere_here), shout);
  server.start();
  UdpSocket client = UdpSocket::bind(anywhere_here);
  greenrt::SendBatch question(1);
  question.add(std::as_bytes(std::span("hello", 5)), {server.address()});
  client.send(question);
  greenrt::ReceiveBatch answer(1, 256);
  if (client.receive(answer, 10s))
    std::printf("a datagram was answered %s\n", std::string(text(answer.bytes(0))).c_str());
}

int main() {
  greenrt::Hub hub;
  hub.run([] {
    streams();
    datagrams();
  });
}
