package web

// Stylesheet is the frame's own, for a page that has to be one file.
func Stylesheet() []byte {
	text, err := ownFiles.ReadFile("static/mydata.css")
	if err != nil {
		panic("web: " + err.Error())
	}
	return text
}
