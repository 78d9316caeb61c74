// An AXI4 master played by the test: every output is a register of an input.
`default_nettype none

module axi_wires (
  input  wire        clk,
  input  wire        rst,
  input  wire [56:0] ar,
  input  wire [56:0] aw,
  input  wire [37:0] w,
  output reg         m_arvalid,
  input  wire        m_arready,
  output reg         m_arid,
  output reg  [39:0] m_araddr,
  output reg  [7:0]  m_arlen,
  output reg  [2:0]  m_arsize,
  output reg  [1:0]  m_arburst,
  input  wire        m_rvalid,
  output wire        m_rready,
  input  wire        m_rid,
  input  wire [31:0] m_rdata,
  input  wire [1:0]  m_rresp,
  input  wire        m_rlast,
  output reg         m_awvalid,
  input  wire        m_awready,
  output reg         m_awid,
  output reg  [39:0] m_awaddr,
  output reg  [7:0]  m_awlen,
  output reg  [2:0]  m_awsize,
  output reg  [1:0]  m_awburst,
  output reg         m_wvalid,
  input  wire        m_wready,
  output reg  [31:0] m_wdata,
  output reg  [3:0]  m_wstrb,
  output reg         m_wlast,
  input  wire        m_bvalid,
  output wire        m_bready,
  input  wire        m_bid,
  input  wire [1:0]  m_bresp,
  output wire        seen
);

  assign m_rready = 1'b1;
  assign m_bready = 1'b1;
  assign seen = ^{m_rvalid, m_rid, m_rdata, m_rresp, m_rlast, m_bvalid, m_bid, m_bresp,
                  m_arready, m_awready, m_wready};

  // {valid, id, addr, len, size, burst[0]}; bursts are INCR or FIXED.
  always @(posedge clk) begin
    m_arid <= ar[55];
    m_araddr <= {4'd0, ar[54:19]};
    m_arlen <= ar[18:11];
    m_arsize <= ar[10:8];
    m_arburst <= {1'b0, ar[7]};
    m_awid <= aw[55];
    m_awaddr <= {4'd0, aw[54:19]};
    m_awlen <= aw[18:11];
    m_awsize <= aw[10:8];
    m_awburst <= {1'b0, aw[7]};
    {m_wlast, m_wstrb, m_wdata} <= w[36:0];
    m_arvalid <= ar[56] & (~rst) & (~(|ar[6:0]));
    m_awvalid <= aw[56] & (~rst) & (~(|aw[6:0]));
    m_wvalid <= w[37] & (~rst);
  end

endmodule

`default_nettype wire
