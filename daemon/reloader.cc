#include "daemon/reloader.h"

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "daemon/reload.h"

namespace hilera {
namespace {

constexpr std::chrono::seconds kPatience{5};  // at the end, with a file that cannot be read

}  // namespace

Reloader::Reloader(Config& config, Logging& logging, Intake& intake, db::ConnectionPool* pool, Introduce introduce,
                   Read read)
    : config_(config),
      logging_(logging),
      intake_(intake),
      pool_(pool),
      introduce_(std::move(introduce)),
      read_(std::move(read)),
      most_in_flight_(config.pipeline.max_in_flight),
      thread_(1, kPatience) {}

void Reloader::reload() {
  const std::lock_guard turn(turn_);
  try {
    apply();
  } catch (const std::exception& error) {
    ++refused_;
    last_refusal_ = error.what();
    log::error("reload_refused", {{"error", error.what()}});
    throw std::runtime_error(error.what());
  }
  ++taken_;
  last_refusal_.clear();
  log::info("reloaded");
}

void Reloader::apply() {
  if (!read_) throw std::runtime_error("there is no configuration file");
  NewConfig wanted = thread_.run(
      [read = read_, running = config_, most = most_in_flight_] { return read_again(read, running, most); });
  if (stopped_) throw std::runtime_error("hilerad is ending");
  Intake::Listeners added = intake_.prepare(wanted.config, wanted.trusts);
  config_ = std::move(wanted.config);
  logging_.configure(config_.log);
  if (pool_) pool_->resize(config_.database->connections);
  for (const auto& listener : added)
    introduce_(*listener);
  intake_.configure(config_, wanted.trusts, std::move(added));
}

void Reloader::declare_metrics(Metrics& metrics) {
  metrics.counter("hilera_reloads_total", "Reloads of the configuration, by what came of them.",
                  [this](Metrics::Samples& samples) {
                    samples.add({{"outcome", "taken"}}, taken_);
                    samples.add({{"outcome", "refused"}}, refused_);
                  });
  metrics.gauge("hilera_reload_refused", "1 when the last reload was refused: the file has what is not in effect.",
                [this] { return last_refusal_.empty() ? 0.0 : 1.0; });
}

}  // namespace hilera
