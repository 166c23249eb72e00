// Datagrams made of the JSON samples of Semtech's PROTOCOL.TXT, with the heads that a gateway b827ebfffe87bd11 would
// give them.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/semtech_frame.h"
#include "tests/ingest/hex.h"

namespace ingest::testing {

inline constexpr std::string_view kEui = "b827ebfffe87bd11";

// A head of version 2 for that gateway, and the body.
inline std::vector<std::byte> gateway_datagram(semtech::Type type, std::uint16_t token, std::string_view body,
                                               std::uint8_t version = semtech::kVersion2) {
  const auto eui = from_hex(kEui);
  std::vector<std::byte> out;
  semtech::build_frame({.version = version, .token = token, .type = type, .eui = eui, .body = as_bytes(body)}, out);
  return out;
}

inline std::vector<std::byte> push(std::string_view body, std::uint16_t token = 0xA1B2) {
  return gateway_datagram(semtech::Type::kPushData, token, body);
}

inline std::vector<std::byte> tx_ack(std::string_view body, std::uint16_t token = 0x5A01) {
  return gateway_datagram(semtech::Type::kTxAck, token, body);
}

inline constexpr std::string_view kFskPacket =
    R"({"tmst":3512348514,"chan":9,"rfch":1,"freq":869.1,"stat":1,"modu":"FSK","datr":50000,"rssi":-75,"size":16,)"
    R"("data":"VEVTVF9QQUNLRVRfMTIzNA=="})";

inline constexpr std::string_view kThreePackets =
    R"({"rxpk":[{"time":"2013-03-31T16:21:17.528002Z","tmst":3512348611,"chan":2,"rfch":0,"freq":866.349812,)"
    R"("stat":1,"modu":"LORA","datr":"SF7BW125","codr":"4/6","rssi":-35,"lsnr":5.1,"size":32,)"
    R"("data":"-DS4CGaDCdG+48eJNM3Vai-zDpsR71Pn9CPA9uCON84"},)"
    R"({"time":"2013-03-31T16:21:17.530974Z","tmst":3512348514,"chan":9,"rfch":1,"freq":869.1,"stat":1,"modu":"FSK",)"
    R"("datr":50000,"rssi":-75,"size":16,"data":"VEVTVF9QQUNLRVRfMTIzNA=="},)"
    R"({"time":"2013-03-31T16:21:17.532038Z","tmst":3316387610,"chan":0,"rfch":0,"freq":863.00981,"stat":1,)"
    R"("modu":"LORA","datr":"SF10BW125","codr":"4/7","rssi":-38,"lsnr":5.5,"size":32,)"
    R"("data":"ysgRl452xNLep9S1NTIg2lomKDxUgn3DJ7DE+b00Ass"}]})";

inline constexpr std::string_view kStatistic =
    R"({"stat":{"time":"2014-01-12 08:59:28 GMT","lati":46.24000,"long":3.25230,"alti":145,"rxnb":2,"rxok":2,"rxfw":2,)"
    R"("ackr":100.0,"dwnb":2,"txnb":2}})";

inline constexpr std::string_view kTxpk =
    R"({"imme":true,"freq":861.3,"rfch":0,"powe":12,"modu":"FSK","datr":50000,"fdev":3000,"size":4,"data":"AQIDBA=="})";

inline std::string rxpk(std::string_view objects) {
  return R"({"rxpk":[)" + std::string(objects) + "]}";
}

}  // namespace ingest::testing
