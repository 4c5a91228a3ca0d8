package consent

import (
	"embed"
	"io/fs"
)

//go:embed schema/*.schema.json
var schemaFiles embed.FS

// Schemas are the published JSON Schemas (2020-12) of what this package and the
// receipt write, by file name: terms, record and receipt. They refer to one
// another by $id and to nothing else. What a schema takes may still be refused:
// by ParseTerms for its spelling, by Narrow for what it says.
func Schemas() fs.FS {
	sub, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		panic("consent: " + err.Error())
	}
	return sub
}
