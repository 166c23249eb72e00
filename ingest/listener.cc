#include "ingest/listener.h"

#include <utility>
#include <vector>

namespace ingest {
namespace {

std::vector<std::string_view> all_reasons(const Codec& codec) {
  const auto own = codec.reject_reasons();
  std::vector<std::string_view> reasons(own.begin(), own.end());
  reasons.insert(reasons.end(), refusal::kAll.begin(), refusal::kAll.end());
  reasons.push_back(kOversize);
  return reasons;
}

}  // namespace

Listener::Listener(std::string name, const Codec& codec, greenrt::UdpSocket socket, bool store_raw, Trust trust,
                   greenrt::Duration reply_window)
    : origin_(std::make_shared<Origin>(
          Origin{.listener = std::move(name), .codec = &codec, .store_raw = store_raw, .guarded = trust.guarded})),
      trust_(std::move(trust)),
      reply_window_(reply_window),
      socket_(std::move(socket)),
      counters_(all_reasons(codec)),
      replies_(socket_, counters_) {}

bool Listener::wait_idle(greenrt::Deadline deadline) {
  while (frames_ > 0) {
    idle_.clear();
    if (!idle_.wait(deadline)) return frames_ == 0;
  }
  return true;
}

void Listener::close() {
  if (closed_) return;
  closed_ = true;
  replies_.stop();
  socket_.close();
}

}  // namespace ingest
