// OriginTable: the listeners by whose names the journal knows its datagrams, those of earlier configurations included.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/codec.h"
#include "ingest/origin.h"

namespace hilera {

class OriginTable {
 public:
  // A listener of this configuration. What find() has given for its name before stays valid.
  void add(std::shared_ptr<const ingest::Origin> origin);

  // That of a datagram in the journal. A listener that is no more gets an Origin of its own, without `raw`; a codec
  // that is no more, one that rejects every datagram. Valid as long as the table.
  const ingest::Origin& find(std::string_view listener, std::string_view codec);

 private:
  const ingest::Codec& codec(std::string_view name);
  [[nodiscard]] bool is_guarded(std::string_view codec_name) const;

  std::map<std::pair<std::string, std::string>, std::shared_ptr<const ingest::Origin>, std::less<>> origins_;
  std::vector<std::shared_ptr<const ingest::Origin>> replaced_;
  std::map<std::string, std::unique_ptr<ingest::Codec>, std::less<>> lost_codecs_;
};

}  // namespace hilera
