#include "daemon/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace hilera {

namespace {

bool valid_name(std::string_view name) {
  return name.starts_with("hilera_") && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

struct Metrics::Family {
  Kind kind;
  std::string name;
  std::string help;
  ReadSamples read;
};

struct Metrics::Samples::Impl {
  Kind kind;
  prometheus::MetricFamily family;

  prometheus::ClientMetric& add(Labels labels) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    for (auto& [name, value] : labels)
      metric.label.push_back({std::move(name), std::move(value)});
    return metric;
  }
};

void Metrics::Samples::add_value(Labels labels, double value) {
  prometheus::ClientMetric& metric = impl_.add(std::move(labels));
  switch (impl_.kind) {
    case Kind::kCounter:
      metric.counter.value = value;
      break;
    case Kind::kGauge:
      metric.gauge.value = value;
      break;
    case Kind::kHistogram:
      throw std::logic_error(impl_.family.name + ": a histogram has no single value");
  }
}

void Metrics::Samples::add(Labels labels, const greenrt::Histogram& histogram) {
  if (impl_.kind != Kind::kHistogram) throw std::logic_error(impl_.family.name + ": is not a histogram");
  auto& out = impl_.add(std::move(labels)).histogram;
  out.sample_count = histogram.count();
  out.sample_sum = histogram.sum();
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    cumulative += histogram.counts()[i];
    out.bucket.push_back({cumulative, histogram.bounds()[i]});
  }
}

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

void Metrics::counter(std::string name, std::string help, ReadSamples read) {
  declare(Kind::kCounter, std::move(name), std::move(help), std::move(read));
}

void Metrics::counter(std::string name, std::string help, const std::uint64_t* value) {
  counter(std::move(name), std::move(help), ReadSamples([value](Samples& samples) { samples.add({}, *value); }));
}

void Metrics::gauge(std::string name, std::string help, ReadSamples read) {
  declare(Kind::kGauge, std::move(name), std::move(help), std::move(read));
}

void Metrics::gauge(std::string name, std::string help, ReadValue read) {
  gauge(std::move(name), std::move(help),
        ReadSamples([read = std::move(read)](Samples& samples) { samples.add({}, read()); }));
}

void Metrics::histogram(std::string name, std::string help, ReadSamples read) {
  declare(Kind::kHistogram, std::move(name), std::move(help), std::move(read));
}

void Metrics::histogram(std::string name, std::string help, const greenrt::Histogram* value) {
  histogram(std::move(name), std::move(help), ReadSamples([value](Samples& samples) { samples.add({}, *value); }));
}

void Metrics::declare(Kind kind, std::string name, std::string help, ReadSamples read) {
  if (!valid_name(name)) throw std::logic_error(name + ": expected hilera_ and lower-case letters, digits, '_'");
  if (name.ends_with("_total") != (kind == Kind::kCounter)) {
    throw std::logic_error(name + ": counters, and only they, end in _total");
  }
  if (!help.ends_with('.')) throw std::logic_error(name + ": its help is not a sentence");
  const bool known = std::any_of(families_.begin(), families_.end(), [&](const Family& f) { return f.name == name; });
  if (known) throw std::logic_error(name + ": is declared twice");
  families_.push_back({kind, std::move(name), std::move(help), std::move(read)});
}

std::string Metrics::text(const std::function<void()>& pause) const {
  const prometheus::TextSerializer serializer;
  std::ostringstream out;
  for (const Family& family : families_) {
    Samples::Impl impl{family.kind, {family.name, family.help, prometheus::MetricType::Counter, {}}};
    if (family.kind == Kind::kGauge) impl.family.type = prometheus::MetricType::Gauge;
    if (family.kind == Kind::kHistogram) impl.family.type = prometheus::MetricType::Histogram;
    Samples samples(impl);
    family.read(samples);
    serializer.Serialize(out, {std::move(impl.family)});
    if (pause) pause();
  }
  return out.str();
}

}  // namespace hilera
