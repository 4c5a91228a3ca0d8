package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	cdx "github.com/CycloneDX/cyclonedx-go"
	modpath "golang.org/x/mod/module"
)

// sbom writes the bill of materials of one binary. It has no time and no random
// serial number, so that the bill of a reproducible binary is reproducible.
func sbom(binary, dir string) error {
	bom, err := bill(binary)
	if err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: it is for publication
		return err
	}
	name := filepath.Join(dir, filepath.Base(binary)+".cdx.json")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	fmt.Printf("%s: %d components\n", name, len(*bom.Components))
	return f.Close()
}

func bill(binary string) (*cdx.BOM, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	cache, err := goEnv("GOMODCACHE")
	if err != nil {
		return nil, err
	}
	std, err := standard()
	if err != nil {
		return nil, err
	}
	std.Version = info.GoVersion
	sum := sha256.Sum256(raw)
	root := cdx.Component{BOMRef: info.Path, Type: cdx.ComponentTypeApplication, Name: filepath.Base(binary), Version: info.Main.Version,
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}}
	components := []cdx.Component{component(std, "")}
	refs := []string{components[0].BOMRef}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		m, err := fetched(cache, dep.Path, dep.Version)
		if err != nil {
			return nil, err
		}
		c := component(m, dep.Sum)
		components, refs = append(components, c), append(refs, c.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &root}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	return bom, nil
}

// fetched is a module as the module cache holds it.
func fetched(cache, path, version string) (module, error) {
	p, err := modpath.EscapePath(path)
	if err != nil {
		return module{}, err
	}
	v, err := modpath.EscapeVersion(version)
	if err != nil {
		return module{}, err
	}
	m := module{Path: path, Version: version, Dir: filepath.Join(cache, p+"@"+v)}
	return m, m.judge()
}

// component has no hash: go.sum's covers a module's files, not one file, and
// goes by its own name.
func component(m module, sum string) cdx.Component {
	var ids cdx.Licenses
	for _, id := range m.licences {
		ids = append(ids, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	purl := "pkg:golang/" + m.Path + "@" + m.Version
	c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl, Licenses: &ids}
	if sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}
