// DownlinkCheck: whether a frame that somebody wants to queue can be carried to its device at all, so that who asks is
// told why not, and not a row of the table some time later.
//
// The codec is the one with which the device was heard last, here or by any collector. While nobody has heard it, it is
// enough that the codec of one of our listeners could carry the frame; the transmitter decides when it is heard.

#pragma once

#include <string>
#include <string_view>

#include "daemon/downlink_table.h"
#include "daemon/intake.h"
#include "ingest/bytes.h"

namespace hilera {

class DownlinkCheck {
 public:
  // Both must outlive it.
  DownlinkCheck(const Intake& intake, DownlinkTable& table) : intake_(intake), table_(table) {}

  // A sentence for people; empty when it can be carried. Yields, throws db::Error.
  [[nodiscard]] std::string obstacle(std::string_view nserie, ingest::Bytes payload) const;

 private:
  [[nodiscard]] std::vector<const ingest::Codec*> codecs_of(std::string_view nserie) const;

  const Intake& intake_;
  DownlinkTable& table_;
};

}  // namespace hilera
