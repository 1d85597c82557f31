#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sim/import/value.h"

namespace overlaysim::import {

/// Cuts a document into Kubernetes objects and hands out each as soon as it has been read, with the parts that an
/// importer wants and nothing else: a list of 60,000 pods is never in memory as a document. Objects are told from Lists
/// by `items`, at any depth; an array at the top counts as a List.
class ObjectStream : public ValueEvents {
 public:
  /// @param listKind  kind of the List the object stands in, where it was known by then; "" else
  using Consumer = std::function<void(const Value& object, std::string_view listKind)>;

  explicit ObjectStream(Consumer consumer) : m_consumer(std::move(consumer)) {}

  void BeginObject(TextPlace place) override;
  void Key(std::string_view key, TextPlace place) override;
  void EndObject() override;
  void BeginArray(TextPlace place) override;
  void EndArray() override;
  void Scalar(Value&& scalar) override;

  size_t Documents() const { return m_documents; }    ///< values at the top, other than null
  size_t EmptyLists() const { return m_emptyLists; }  ///< Lists without objects
  /// The first value at the top, or in a List, that is neither object nor array; line 0: none.
  TextPlace StrayPlace() const { return m_stray; }

  struct Wanted;

 private:
  struct Frame {
    enum Kind : uint8_t { Object, List, Part, PartArray } kind;
    const Wanted* wanted;            ///< of Object and Part: which members are wanted
    Value* value;                    ///< of all but List
    const Wanted* member = nullptr;  ///< what the last key leads to; null: nothing of it is wanted
    bool isItems = false;            ///< the last key was an object's `items`
  };

  bool IsSkipping() const { return m_skipDepth > 0; }
  bool AtObjectPosition() const { return m_open.empty() || m_open.back().kind == Frame::List; }
  Value* Attach(Value&& value);
  void Begin(Value::Kind kind, TextPlace place);

  Consumer m_consumer;
  std::vector<Frame> m_open;
  struct OpenObject {
    std::unique_ptr<Value> value;
    bool isList = false;
  };
  std::vector<OpenObject> m_objects;  ///< the object being read and the Lists around it
  unsigned m_skipDepth = 0;
  size_t m_documents = 0;
  size_t m_emptyLists = 0;
  size_t m_itemsSeen = 0;
  TextPlace m_stray;
};

}  // namespace overlaysim::import
