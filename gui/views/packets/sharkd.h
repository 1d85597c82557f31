#pragma once

#include <QByteArray>
#include <QJsonArray>
#include <QObject>
#include <QProcess>
#include <QTemporaryDir>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gui/replay/dissector.h"

namespace overlaysim::views {

/// Wireshark's dissectors beside our own, where its program sharkd is installed (Debian: wireshark-common, with
/// tshark). It runs on its standard input and is told of one packet at a time; answers come as signals. It is started
/// when first asked for and ends with this object.
class Sharkd : public QObject {
  Q_OBJECT
 public:
  /// @param vxlanPorts UDP ports behind which VXLAN stands in this run: named in a temporary profile
  explicit Sharkd(std::vector<uint16_t> vxlanPorts, QObject* parent = nullptr);
  ~Sharkd() override;

  static QString Program();  ///< "": not installed
  /// Asks for the tree of the packet; an answer that is still due for an earlier one is dropped.
  void Dissect(std::span<const uint8_t> bytes, replay::LinkLayer first, uint32_t wireBytes);

 signals:
  /// sharkd's "tree": objects with "l" (label), "f" (filter), "h" ([offset, length]), "n" (parts).
  void Dissected(const QJsonArray& tree);
  void Failed(const QString& sentence);

 private:
  bool Start();
  void Ask(int id, const QByteArray& method, const QByteArray& params);
  void Read();
  void Stop(const QString& sentence);

  std::vector<uint16_t> m_vxlanPorts;
  std::unique_ptr<QTemporaryDir> m_directory;
  QProcess m_process;
  QByteArray m_buffer;
  int m_asked = 0;  ///< number of the last packet that was asked for
};

}  // namespace overlaysim::views
