//! A picture, as the bytes of a file that browsers show.

use crate::message::ImageProto;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels from top to bottom.
    pub height: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// 1 for grey, 3 for colours.
    pub channels: u32,
    /// A PNG, JPEG or GIF file.
    pub encoded: Vec<u8>,
}

impl From<&Image> for ImageProto {
    fn from(image: &Image) -> Self {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Self {
            height: number(image.height),
            width: number(image.width),
            colorspace: number(image.channels),
            encoded: image.encoded.clone(),
        }
    }
}

impl From<ImageProto> for Image {
    fn from(proto: ImageProto) -> Self {
        let number = |n: i32| u32::try_from(n).unwrap_or(0);
        Self {
            height: number(proto.height),
            width: number(proto.width),
            channels: number(proto.colorspace),
            encoded: proto.encoded,
        }
    }
}
