package witness

// Program is where the program is in the image.
const Program = "/witness"
