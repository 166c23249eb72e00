#include "db/dialer.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

#include "db/session.h"
#include "greenrt/error.h"

namespace db {
namespace {

constexpr std::size_t kResolverThreads = 2;
constexpr std::chrono::seconds kPatience{1};  // at the end, with attempts that are under way

bool is_numeric(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// A Timeout of the caller has an identity, the end of a call's deadline has none.
bool is_own_deadline(const greenrt::TimeoutExpired& expired) {
  return expired.timeout_id() == 0;
}

Session open_first(const ConnectOptions& options, const Endpoint& endpoint, const std::vector<std::string>& hosts,
                   greenrt::Deadline deadline) {
  for (std::size_t i = 0; i + 1 < hosts.size(); ++i) {
    try {
      return open_session(options, endpoint, hosts[i], deadline);
    } catch (const Error& error) {
      const bool next_may_do =
          error.error_class() == ErrorClass::kReconnect || error.error_class() == ErrorClass::kWait;
      if (!next_may_do || deadline.expired()) throw;
    }
  }
  return open_session(options, endpoint, hosts.back(), deadline);
}

}  // namespace

std::vector<std::string> resolve_by_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); failure != 0) {
    throw Error(ErrorClass::kReconnect, host + ": " + ::gai_strerror(failure));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* each = list.get(); each; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  if (addresses.empty()) throw Error(ErrorClass::kReconnect, host + " has no address");
  return addresses;
}

Dialer::Dialer(ConnectOptions options, std::size_t threads, std::shared_ptr<HostChoice> hosts)
    : options_(std::make_shared<const ConnectOptions>(std::move(options))),
      hosts_(hosts ? std::move(hosts) : std::make_shared<HostChoice>(options_->endpoints)),
      resolvers_(kResolverThreads, kPatience),
      connectors_(threads, kPatience) {}

std::unique_ptr<Connection> Dialer::connect(greenrt::Deadline deadline) {
  for (std::size_t attempt = 1;; ++attempt) {
    const Endpoint host = hosts_->current();
    try {
      auto connection = connect_to(host, deadline.sooner(options_->connect_timeout));
      if (host != hosts_->current()) throw Error(ErrorClass::kReconnect, host.to_string() + " was left meanwhile");
      hosts_->settle(connection->server());
      return connection;
    } catch (const Error& error) {
      if (options_->on_error) options_->on_error(error);
      if (error.is_crowded_host() && host == hosts_->current()) throw;
      hosts_->leave(host, error.what());
      if (attempt == hosts_->size() || deadline.expired()) throw;
    }
  }
}

std::unique_ptr<Connection> Dialer::connect_to(const Endpoint& endpoint, greenrt::Deadline deadline) {
  std::vector<std::string> hosts = addresses_of(endpoint, deadline);
  const bool verify_name = options_->tls && options_->tls->verify_server && !is_numeric(endpoint.host);
  if (verify_name) hosts = {endpoint.host};
  try {
    auto session = connectors_.run(
        [options = options_, endpoint, hosts, deadline] { return open_first(*options, endpoint, hosts, deadline); },
        deadline);
    if (endpoint.socket.empty() && !verify_name) known_addresses_[endpoint.host] = std::move(hosts);
    return std::make_unique<Connection>(std::move(session), options_);
  } catch (const greenrt::TimeoutExpired& expired) {
    if (!is_own_deadline(expired)) throw;
    throw DeadlineError("no session on " + endpoint.to_string() + " within the time allowed");
  }
}

std::vector<std::string> Dialer::addresses_of(const Endpoint& endpoint, greenrt::Deadline deadline) {
  if (!endpoint.socket.empty() || is_numeric(endpoint.host)) return {endpoint.host};
  if (resolvers_.outstanding() >= kResolverThreads) {
    return last_good_address(endpoint.host, "earlier questions to the resolver are still unanswered");
  }
  // Half of the time, so that the other half is left to connect to the address known from before.
  const auto patience = deadline.sooner(deadline.remaining() / 2);
  try {
    const auto& resolve = options_->resolver;
    return resolvers_.run(
        [options = options_, host = endpoint.host, own = static_cast<bool>(resolve)] {
          auto addresses = own ? options->resolver(host) : resolve_by_system(host);
          if (addresses.empty()) throw std::runtime_error("no address");
          return addresses;
        },
        patience);
  } catch (const greenrt::TimeoutExpired& expired) {
    if (!is_own_deadline(expired)) throw;
    return last_good_address(endpoint.host, "the resolver does not answer");
  } catch (const std::exception& error) {
    return last_good_address(endpoint.host, error.what());
  }
}

std::vector<std::string> Dialer::last_good_address(const std::string& host, const std::string& trouble) const {
  const auto known = known_addresses_.find(host);
  if (known != known_addresses_.end()) return known->second;
  throw Error(ErrorClass::kReconnect, "no address for " + host + ": " + trouble);
}

}  // namespace db
