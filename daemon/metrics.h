// Metrics: the families that /metrics shows, each declared once next to what counts it.
//
// Whoever counts keeps plain integers and greenrt::Histograms of its own; a declaration gives a function that reads
// them at the time of a scrape. What such a function refers to must live as long as the Metrics. One thread only (the
// hub's): no locks, and text() never yields but in `pause`. A wrong declaration throws std::logic_error.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "greenrt/histogram.h"

namespace hilera {

// Names and values; no value ever holds a serial number, and values come from a bounded set.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  // What a read function fills, with one call for each set of labels.
  class Samples {
   public:
    template <typename Number>
    requires std::is_arithmetic_v<Number>
    void add(Labels labels, Number value) { add_value(std::move(labels), static_cast<double>(value)); }
    void add(Labels labels, const greenrt::Histogram& histogram);

   private:
    friend class Metrics;
    struct Impl;
    explicit Samples(Impl& impl) : impl_(impl) {}
    void add_value(Labels labels, double value);

    Impl& impl_;
  };

  using ReadValue = std::function<double()>;
  using ReadSamples = std::function<void(Samples&)>;

  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  // Names begin with hilera_ and have base units; those of counters, and only those, end in _total. `help` is a
  // sentence.
  void counter(std::string name, std::string help, ReadSamples read);
  void counter(std::string name, std::string help, const std::uint64_t* value);
  void gauge(std::string name, std::string help, ReadSamples read);
  void gauge(std::string name, std::string help, ReadValue read);
  void histogram(std::string name, std::string help, ReadSamples read);
  void histogram(std::string name, std::string help, const greenrt::Histogram* value);

  // Everything in Prometheus' text format, in the order of declaration. `pause`, when given, is called between
  // families, so that a greenlet can let others run; the values of one family are of one moment.
  [[nodiscard]] std::string text(const std::function<void()>& pause = {}) const;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

  void declare(Kind kind, std::string name, std::string help, ReadSamples read);

  struct Family;
  std::vector<Family> families_;
};

}  // namespace hilera
