package reports

import _ "embed"

// RecordSchema is the JSON Schema (draft 2020-12) of record.json. A test makes it from
// the types of this package, so that the two cannot differ:
//
//	go test ./reports -run TestSchemaFiles -update
//
// Fields may be added to a record without a new schema name, so that the schema allows
// fields which it does not know.
//
//go:embed record.schema.json
var RecordSchema []byte
