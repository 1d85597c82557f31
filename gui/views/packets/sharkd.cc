#include "gui/views/packets/sharkd.h"

#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcessEnvironment>
#include <QStandardPaths>
#include <filesystem>
#include <utility>

#include "sim/trace/capture_writer.h"

namespace overlaysim::views {
namespace {

constexpr qsizetype kMostAnswerBytes = 32 << 20;

}  // namespace

Sharkd::Sharkd(std::vector<uint16_t> vxlanPorts, QObject* parent)
    : QObject(parent), m_vxlanPorts(std::move(vxlanPorts)) {
  connect(&m_process, &QProcess::readyReadStandardOutput, this, &Sharkd::Read);
  connect(&m_process, &QProcess::errorOccurred, this, [this] { Stop(m_process.errorString()); });
}

Sharkd::~Sharkd() {
  m_process.disconnect(this);
  m_process.closeWriteChannel();
  if (m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(500)) {
    m_process.kill();
    m_process.waitForFinished(500);
  }
}

QString Sharkd::Program() { return QStandardPaths::findExecutable(QStringLiteral("sharkd")); }

void Sharkd::Stop(const QString& sentence) {
  m_buffer.clear();
  emit Failed(tr("sharkd: %1").arg(sentence));
}

bool Sharkd::Start() {
  if (m_process.state() != QProcess::NotRunning) return true;
  const QString program = Program();
  if (program.isEmpty()) {
    emit Failed(tr("Wireshark's program sharkd is not installed; on Debian: apt install tshark"));
    return false;
  }
  m_directory = std::make_unique<QTemporaryDir>();
  const QString profile = m_directory->filePath(QStringLiteral("profiles/overlaysim"));
  QFile ports(profile + QStringLiteral("/decode_as_entries"));
  if (!m_directory->isValid() || !QDir().mkpath(profile) || !ports.open(QIODevice::WriteOnly)) {
    emit Failed(tr("no temporary folder for sharkd's profile: %1").arg(m_directory->errorString()));
    return false;
  }
  for (const uint16_t port : m_vxlanPorts)
    ports.write("decode_as_entry: udp.port," + QByteArray::number(port) + ",(none),VXLAN\n");
  ports.close();
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  environment.insert(QStringLiteral("WIRESHARK_CONFIG_DIR"), m_directory->path());
  m_process.setProcessEnvironment(environment);
  m_process.setStandardErrorFile(QProcess::nullDevice());
  m_process.start(program, {QStringLiteral("-C"), QStringLiteral("overlaysim")});
  return true;
}

void Sharkd::Ask(int id, const QByteArray& method, const QByteArray& params) {
  m_process.write("{\"jsonrpc\":\"2.0\",\"id\":" + QByteArray::number(id) + ",\"method\":\"" + method +
                  "\",\"params\":" + params + "}\n");
}

void Sharkd::Dissect(std::span<const uint8_t> bytes, replay::LinkLayer first, uint32_t wireBytes) {
  if (bytes.empty() || !Start()) return;
  ++m_asked;
  const QString path = m_directory->filePath(QStringLiteral("packet%1.pcapng").arg(m_asked % 2));
  {
    PcapngWriter writer(std::filesystem::path(path.toStdString()), "overlaysim");
    CaptureInterface interface;
    interface.linkType = first == replay::LinkLayer::Ethernet ? LinkType::Ethernet : LinkType::RawIp;
    CapturedFrame frame;
    frame.interface = writer.AddInterface(interface);
    frame.bytes = bytes;
    frame.wireBytes = wireBytes;
    writer.Write(frame);
    writer.Finish();
    if (!writer.Ok()) return Stop(QString::fromStdString(writer.Error()));
  }
  const QJsonObject file{{QStringLiteral("file"), path}};
  // sharkd wants positive numbers: even ones are loads, odd ones the packets' trees.
  Ask(2 * m_asked, "load", QJsonDocument(file).toJson(QJsonDocument::Compact));
  Ask(2 * m_asked + 1, "frame", R"({"frame":1,"proto":true})");
}

void Sharkd::Read() {
  m_buffer += m_process.readAllStandardOutput();
  if (m_buffer.size() > kMostAnswerBytes) {
    m_process.kill();
    return Stop(tr("an answer of more than %1 MiB").arg(kMostAnswerBytes >> 20));
  }
  for (qsizetype end; (end = m_buffer.indexOf('\n')) >= 0;) {
    const QJsonObject answer = QJsonDocument::fromJson(m_buffer.left(end)).object();
    m_buffer.remove(0, end + 1);
    const int id = answer.value(QLatin1String("id")).toInt();
    const QJsonObject error = answer.value(QLatin1String("error")).toObject();
    if (id / 2 != m_asked) continue;
    if (!error.isEmpty()) {
      emit Failed(tr("sharkd: %1").arg(error.value(QLatin1String("message")).toString()));
    } else if (id == 2 * m_asked + 1) {
      emit Dissected(answer.value(QLatin1String("result")).toObject().value(QLatin1String("tree")).toArray());
    }
  }
}

}  // namespace overlaysim::views
