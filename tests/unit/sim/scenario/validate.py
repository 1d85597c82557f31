"""Holds files against a JSON Schema: prints "ok FILE" or "bad FILE"."""
import json
import sys

import jsonschema

with open(sys.argv[1]) as f:
    schema = json.load(f)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for path in sys.argv[2:]:
    with open(path) as f:
        print("ok" if validator.is_valid(json.load(f)) else "bad", path)
