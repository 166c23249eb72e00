#include <algorithm>
#include <array>
#include <iterator>

#include "ingest/codec.h"
#include "ingest/collectd_codec.h"
#include "ingest/native_codec.h"
#include "ingest/semtech_codec.h"
#include "ingest/teltonika_codec.h"

namespace ingest {
namespace {

template <typename C>
const Codec* instance() {
  static const C codec;
  return &codec;
}

// In alphabetical order of their names.
const auto& all_codecs() {
  static const std::array codecs = {
      instance<CollectdCodec>(),
      instance<NativeCodec>(),
      instance<SemtechCodec>(),
      instance<TeltonikaCodec>(),
  };
  return codecs;
}

}  // namespace

const Codec* find_codec(std::string_view name) {
  const auto found = std::ranges::find(all_codecs(), name, &Codec::name);
  return found == all_codecs().end() ? nullptr : *found;
}

std::vector<std::string_view> codec_names() {
  std::vector<std::string_view> names;
  std::ranges::transform(all_codecs(), std::back_inserter(names), &Codec::name);
  return names;
}

}  // namespace ingest
